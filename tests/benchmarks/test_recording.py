from benchmarks.recording.record import WATCHED


def test_every_timed_function_exists() -> None:
    assert [(owner, name) for owner, name, _ in WATCHED if not callable(getattr(owner, name, None))] == []
