"""Building a feature store: what it writes, and what becomes of a build that fails, is killed or is not alone."""

import dataclasses
import errno
import pickle
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray

from ser.corpora.audio import read_audio
from ser.corpora.corpus import Corpus, Utterance
from ser.errors import AudioError, FeatureStoreError, UtteranceError
from ser.feature_settings import LogMelSettings
from ser.features import builder
from ser.features.builder import build_store_if_missing, build_stores, needed_bytes, store_key
from ser.features.frontends.base import FrontEndChoice
from ser.features.frontends.log_mel import LogMelFrontEnd
from ser.features.logmel import log_mel
from ser.features.store import FeatureStore, check_store
from ser.features.store_writer import StoreWriter
from ser.files import file_lock

SETTINGS = LogMelSettings()
FILES = ("metadata.json", "lengths.npy", "frames.f32")


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def run_python(code: str, *arguments: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


BUILD = """
import pickle, sys
from pathlib import Path
from ser.feature_settings import LogMelSettings
from ser.features.builder import build_store_if_missing
corpus = pickle.loads(Path(sys.argv[1]).read_bytes())
folder = Path(sys.argv[2])
"""


@pytest.mark.parametrize("cores", [1, 3])
def test_neither_cores_nor_utterances_at_once_move_a_bit(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    expected = (build_store_if_missing(corpus, SETTINGS, tmp_path / "expected") / "frames.f32").read_bytes()
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    monkeypatch.setattr(builder, "_AT_ONCE", 1)
    threads = torch.get_num_threads()
    found = build_store_if_missing(corpus, SETTINGS, tmp_path / "found") / "frames.f32"
    assert len(corpus.utterances) > 2 * cores
    assert found.read_bytes() == expected
    assert torch.get_num_threads() == threads


def test_a_store_that_is_there_is_not_built_again(corpus: Corpus, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    path = build_store_if_missing(
        corpus, SETTINGS, tmp_path / "stores", lambda done, total: calls.append((done, total))
    )
    total = len(corpus.utterances)
    assert calls == [(done, total) for done in range(1, total + 1)]
    for utterance in corpus.utterances:
        utterance.path.unlink()
    assert build_store_if_missing(corpus, SETTINGS, tmp_path / "stores", lambda *_: pytest.fail("built again")) == path
    assert leftovers(tmp_path / "stores") == [path.name]


def test_the_key_depends_on_corpus_settings_and_format(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    key = store_key(corpus.digest, SETTINGS)
    other = Corpus(**{**vars(corpus), "digest": "2" * 32})
    renamed = Corpus(**{**vars(corpus), "name": "else", "root": Path("/elsewhere")})
    assert store_key(other.digest, SETTINGS) != key
    assert store_key(corpus.digest, LogMelSettings(mel_bands=41)) != key
    assert store_key(renamed.digest, SETTINGS) == key
    monkeypatch.setattr(builder, "STORE_VERSION", 99)
    assert store_key(corpus.digest, SETTINGS) != key


def test_needed_bytes_covers_what_is_written(corpus: Corpus, tmp_path: Path) -> None:
    path = build_store_if_missing(corpus, SETTINGS, tmp_path)
    written = sum(file.stat().st_size for file in path.iterdir())
    assert written <= needed_bytes(corpus, LogMelFrontEnd([SETTINGS]), SETTINGS) <= written + 5000


def test_the_build_after_a_failed_build_ends_well(corpus: Corpus, tmp_path: Path) -> None:
    folder = tmp_path / "stores"
    last = corpus.utterances[-1].path
    content = last.read_bytes()
    last.unlink()
    with pytest.raises(AudioError, match="no such file"):
        build_store_if_missing(corpus, SETTINGS, folder)
    assert leftovers(folder) == []
    last.write_bytes(content)
    assert FeatureStore.open(build_store_if_missing(corpus, SETTINGS, folder)).corpus_digest == corpus.digest


def test_audio_that_changed_since_the_corpus_was_read_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    samples, rate_hz = soundfile.read(corpus.utterances[0].path)
    soundfile.write(corpus.utterances[0].path, samples[::-1], rate_hz, subtype="PCM_16")
    with pytest.raises(AudioError, match=f"{corpus.utterances[0].path}: changed since the corpus was read"):
        build_store_if_missing(corpus, SETTINGS, tmp_path / "stores")
    assert leftovers(tmp_path / "stores") == []


def test_samples_are_compared_at_any_rate_of_features(corpus: Corpus, tmp_path: Path) -> None:
    settings = LogMelSettings(sample_rate_hz=8_000)
    store = check_store(build_store_if_missing(corpus, settings, tmp_path / "stores"))
    samples = read_audio(corpus.utterances[0].path, 8_000)
    np.testing.assert_array_equal(store.frames(0), log_mel(torch.from_numpy(samples), settings).numpy())
    files = [utterance.path for utterance in corpus.utterances[:2]]
    contents = [path.read_bytes() for path in files]
    for path, content in zip(files, reversed(contents), strict=True):
        path.write_bytes(content)
    with pytest.raises(AudioError, match="changed since the corpus was read"):
        build_store_if_missing(corpus, settings, tmp_path / "again")


def test_too_little_free_space_is_told_before_anything_is_read(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 1000

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage)
    folder = tmp_path / "stores"
    needed = needed_bytes(corpus, LogMelFrontEnd([SETTINGS]), SETTINGS)
    with pytest.raises(FeatureStoreError) as caught:
        build_store_if_missing(corpus, SETTINGS, folder, lambda *_: pytest.fail("audio was read"))
    expected = f"{folder}: no room for the feature store: {needed} bytes needed, 1000 bytes free; free some and run "
    assert str(caught.value).startswith(expected)
    assert leftovers(folder) == []


def test_a_full_disk_is_reported_in_one_line(corpus: Corpus, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(FeatureStoreError) as caught:
            build_store_if_missing(corpus, SETTINGS, tmp_path / "stores")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{tmp_path / 'stores'}: no room for the feature store (File too large): ")
    assert f"{needed_bytes(corpus, LogMelFrontEnd([SETTINGS]), SETTINGS)} bytes needed" in message
    assert leftovers(tmp_path / "stores") == []


def test_an_utterance_too_long_for_the_memory_is_named(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute, last = LogMelFrontEnd.compute, corpus.utterances[-1]

    def lack_memory(front_end: LogMelFrontEnd, utterance: Utterance, samples: Any) -> Any:
        if utterance == last:
            np.empty(2**56)
        return compute(front_end, utterance, samples)

    monkeypatch.setattr(LogMelFrontEnd, "compute", lack_memory)
    with pytest.raises(UtteranceError, match=rf"utterance {last.id} lasts \d s, too long for log_mel in the memory of"):
        build_store_if_missing(corpus, SETTINGS, tmp_path / "stores")


def test_a_folder_that_cannot_be_made_is_named(corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FeatureStoreError, match=f"{tmp_path}/file.*: the feature store cannot be written: "):
        build_store_if_missing(corpus, SETTINGS, tmp_path / "file" / "stores")


def test_the_build_after_a_killed_build_ends_well(corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "corpus").write_bytes(pickle.dumps(corpus))
    code = BUILD + (
        "import os, signal\n"
        "kill = lambda done, total: done == 5 and os.kill(os.getpid(), signal.SIGKILL)\n"
        "build_store_if_missing(corpus, LogMelSettings(), folder, kill)\n"
    )
    process = run_python(code, tmp_path / "corpus", tmp_path / "stores")
    process.communicate(timeout=120)
    assert process.returncode == -9
    key = store_key(corpus.digest, SETTINGS)
    assert leftovers(tmp_path / "stores") == [f".{key}.partial"]
    store = FeatureStore.open(build_store_if_missing(corpus, SETTINGS, tmp_path / "stores"))
    assert len(store.lengths) == len(corpus.utterances)
    assert leftovers(tmp_path / "stores") == [key]


@pytest.mark.parametrize("torn_bytes", [0, 100])
def test_a_killed_build_goes_on_from_its_last_block(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torn_bytes: int
) -> None:
    expected = (build_store_if_missing(corpus, SETTINGS, tmp_path / "whole") / "frames.f32").read_bytes()
    monkeypatch.setattr(builder, "_AT_ONCE", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)

    def stop(done: int, _: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    folder = tmp_path / "stores"
    with pytest.raises(KeyboardInterrupt):
        build_store_if_missing(corpus, SETTINGS, folder, stop)
    (partial,) = folder.glob("*.partial")
    with (partial / "frames.f32").open("ab") as file:
        file.write(b"x" * torn_bytes)
    calls: list[int] = []
    path = build_store_if_missing(corpus, SETTINGS, folder, lambda done, _: calls.append(done))
    assert calls == list(range(5, len(corpus.utterances) + 1))
    assert (path / "frames.f32").read_bytes() == expected
    assert leftovers(folder) == [path.name]
    assert sorted(file.name for file in path.iterdir()) == sorted(FILES)


def test_a_build_on_a_full_disk_goes_on_when_there_is_room(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, write = tmp_path / "stores", StoreWriter.write
    monkeypatch.setattr(builder, "_AT_ONCE", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)

    def write_until_full(writer: StoreWriter, first: int, *arguments: Any, **keywords: Any) -> None:
        if first == 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(writer, first, *arguments, **keywords)

    monkeypatch.setattr(StoreWriter, "write", write_until_full)
    with pytest.raises(FeatureStoreError, match=r"No space left.*run the command again, which goes on") as caught:
        build_store_if_missing(corpus, SETTINGS, folder)
    monkeypatch.setattr(StoreWriter, "write", write)
    # What is written needs no room any more.
    (partial,) = folder.glob("*.partial")
    left = needed_bytes(corpus, LogMelFrontEnd([SETTINGS]), SETTINGS) - (partial / "frames.f32").stat().st_size
    assert f": {left} bytes needed" in str(caught.value)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=left))
    calls: list[int] = []
    build_store_if_missing(corpus, SETTINGS, folder, lambda done, _: calls.append(done))
    assert calls[0] == 5


def test_two_processes_that_build_at_once_both_end_well(corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "corpus").write_bytes(pickle.dumps(corpus))
    # Each waits until both are ready, and reads slowly, so that the builds would overlap.
    code = BUILD + (
        "import os, time\n"
        "mine = folder.parent / f'ready-{os.getpid()}'\n"
        "mine.touch()\n"
        "while len(list(folder.parent.glob('ready-*'))) < 2: time.sleep(0.01)\n"
        "built = []\n"
        "progress = lambda done, total: (built.append(done), time.sleep(0.02))\n"
        "path = build_store_if_missing(corpus, LogMelSettings(), folder, progress)\n"
        "print(path, len(built))\n"
    )
    processes = [run_python(code, tmp_path / "corpus", tmp_path / "stores") for _ in range(2)]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    path = tmp_path / "stores" / store_key(corpus.digest, SETTINGS)
    assert sorted(out for out, _ in outputs) == [f"{path} 0\n", f"{path} {len(corpus.utterances)}\n"]
    FeatureStore.open(path)
    assert leftovers(tmp_path / "stores") == [path.name]


def test_a_build_that_waits_for_another_process_says_so(corpus: Corpus, tmp_path: Path) -> None:
    folder, lines = tmp_path / "stores", list[str]()
    path = folder / store_key(corpus.digest, SETTINGS)
    with ExitStack() as other:
        other.enter_context(file_lock(folder / f".{path.name}.lock"))

        def announce(line: str) -> None:
            lines.append(line)
            assert not path.exists()
            other.close()

        build_stores(corpus, [FrontEndChoice(settings=SETTINGS)], folder, announce=announce)
    assert lines == [f"{path}: another process builds or checks this feature store; waiting for its end"]
    assert path.exists()


def test_a_long_build_says_once_what_it_will_take(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    done: list[int] = []
    choices = [FrontEndChoice(settings=SETTINGS)]
    build_stores(corpus, choices, tmp_path / "short", announce=lines.append)
    assert lines == []
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(builder, "_AT_ONCE", 1)
    monkeypatch.setattr(builder, "LONG_BUILD_S", 0)

    def announce(line: str) -> None:
        lines.append(line)
        assert done[-1] == 2, "it is known after the first utterances"

    build_stores(corpus, choices, tmp_path / "long", lambda number, _: done.append(number), announce)
    (line,) = lines
    assert line.startswith("computing features: about 0 minutes more for log_mel on 0.0 hours of speech, and 0 MiB")


def test_the_estimate_leaves_out_what_only_the_first_utterance_waits_for(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = list(builder.compute_frames(corpus, LogMelFrontEnd([SETTINGS])))

    clock_s = [0.0]

    def warm_up(*_: object) -> Iterator[tuple[NDArray[np.floating], ...]]:
        clock_s[0] += 1000
        for frames in computed:
            yield frames
            clock_s[0] += 1

    monkeypatch.setattr(builder, "compute_frames", warm_up)
    monkeypatch.setattr(builder, "time", SimpleNamespace(perf_counter=lambda: clock_s[0]))
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(builder, "_AT_ONCE", 1)
    lines: list[str] = []
    build_stores(corpus, [FrontEndChoice(settings=SETTINGS)], tmp_path, announce=lines.append)
    assert lines == []


def test_a_build_returns_memory_after_each_block(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    returned: list[int] = []
    monkeypatch.setattr(builder, "return_free_memory", lambda: returned.append(1))
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(builder, "_AT_ONCE", 1)
    build_store_if_missing(corpus, SETTINGS, tmp_path)
    assert len(returned) == len(corpus.utterances) // 2


def test_the_estimate_follows_the_speech_that_is_left(corpus: Corpus, tmp_path: Path) -> None:
    speech = dataclasses.replace(corpus, durations_s=(3.0, 1.0, *[2.0] * (len(corpus.utterances) - 2)))
    single_pass = builder._Pass.plan(speech, LogMelFrontEnd([SETTINGS]), tmp_path)
    left_s = 2.0 * (len(corpus.utterances) - 2)
    estimate = single_pass.estimate(0, 2, seconds=1200)
    assert estimate is not None
    assert f"about {1200 * left_s / 4 / 3600:.1f} hours more for log_mel on" in estimate
    later = single_pass.estimate(2, 4, seconds=120)
    assert later is not None
    assert f"about {120 * (left_s - 4) / 4 / 60:.0f} minutes more" in later
    assert single_pass.estimate(2, 4, seconds=1) is None
    one_minute = single_pass.estimate(2, 4, seconds=70 * 4 / (left_s - 4))
    assert one_minute is not None
    assert "about 1 minute more" in one_minute
