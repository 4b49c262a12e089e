"""The feature store: what is in it, and what becomes of it when things go wrong."""

import dataclasses
import errno
import json
import pickle
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from ser.corpora.audio import read_audio
from ser.corpora.corpus import Corpus
from ser.errors import AudioError, FeatureStoreError
from ser.feature_settings import LogMelSettings
from ser.features import builder
from ser.features.builder import build_store_if_missing, build_stores, needed_bytes, store_key
from ser.features.frontends.base import FrontEndChoice
from ser.features.frontends.log_mel import LogMelFrontEnd
from ser.features.logmel import log_mel
from ser.features.store import FeatureStore, check_store
from ser.features.store_writer import StoreWriter
from ser.files import file_lock
from tests.support.damaged_json import DAMAGED_JSON
from tests.support.toy_corpus import write_corpus

SETTINGS = LogMelSettings()
FILES = ("metadata.json", "lengths.npy", "frames.f32")


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    folder = tmp_path / "audio"
    folder.mkdir()
    return write_corpus(folder)


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
from ser.errors import FeatureStoreError
from ser.features.builder import build_store_if_missing
corpus = pickle.loads(Path(sys.argv[1]).read_bytes())
folder = Path(sys.argv[2])
"""


def test_store_holds_the_log_mels_of_every_utterance_in_order(corpus: Corpus, tmp_path: Path) -> None:
    store = FeatureStore.open(build_store_if_missing(corpus, SETTINGS, tmp_path / "stores"))
    assert store.corpus_digest == corpus.digest
    assert store.settings == SETTINGS
    assert len(store.lengths) == len(corpus.utterances)
    for index, utterance in enumerate(corpus.utterances):
        expected = log_mel(torch.from_numpy(read_audio(utterance.path)), SETTINGS).numpy()
        assert store.lengths[index] == len(expected)
        np.testing.assert_array_equal(store.frames(index), expected)


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


def test_frames_are_a_read_only_view_on_the_map(corpus: Corpus, tmp_path: Path) -> None:
    store = FeatureStore.open(build_store_if_missing(corpus, SETTINGS, tmp_path))
    first, again = store.frames(0), store.frames(0)
    assert np.shares_memory(first, again)
    assert first.dtype == np.float32
    assert first.flags.c_contiguous
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 1.0


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


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more")


def scribble(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04 not what you think")


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [cut, scribble, empty, Path.unlink])
def test_a_damaged_file_is_named_with_what_was_expected(corpus: Corpus, tmp_path: Path, name: str, damage) -> None:  # type: ignore[no-untyped-def]
    path = build_store_if_missing(corpus, SETTINGS, tmp_path)
    damage(path / name)
    with pytest.raises(FeatureStoreError) as caught:
        FeatureStore.open(path)
    message = str(caught.value)
    assert message.startswith(f"{path / name}: expected ")
    assert "\n" not in message
    assert f"remove the folder {path} and it is built anew" in message


@pytest.mark.parametrize("content", DAMAGED_JSON.values(), ids=DAMAGED_JSON)
def test_damaged_metadata_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "metadata.json").write_bytes(content)
    with pytest.raises(FeatureStoreError, match=r"metadata\.json: expected .*, found something else \(it"):
        FeatureStore.open(tmp_path)


def test_frames_that_are_too_long_are_refused(corpus: Corpus, tmp_path: Path) -> None:
    path = build_store_if_missing(corpus, SETTINGS, tmp_path)
    lengthen(path / "frames.f32")
    size = (path / "frames.f32").stat().st_size
    with pytest.raises(FeatureStoreError, match=f"expected {size - 4} bytes, found {size} bytes"):
        FeatureStore.open(path)


def test_a_damaged_store_is_refused_not_used(corpus: Corpus, tmp_path: Path) -> None:
    path = build_store_if_missing(corpus, SETTINGS, tmp_path)
    cut(path / "frames.f32")
    with pytest.raises(FeatureStoreError, match=r"frames\.f32: expected"):
        build_store_if_missing(corpus, SETTINGS, tmp_path)


def test_another_format_version_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    path = build_store_if_missing(corpus, SETTINGS, tmp_path)
    metadata = json.loads((path / "metadata.json").read_text())
    (path / "metadata.json").write_text(json.dumps(metadata | {"version": 99}))
    with pytest.raises(FeatureStoreError, match="expected format version 2, found 99"):
        FeatureStore.open(path)


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


@pytest.mark.parametrize("block_bytes", [1000, 2**24])
def test_a_flipped_bit_is_found_when_a_study_starts(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    monkeypatch.setattr("ser.files.DIGEST_BLOCK_BYTES", block_bytes)
    path = build_store_if_missing(corpus, SETTINGS, tmp_path)
    assert build_store_if_missing(corpus, SETTINGS, tmp_path) == path
    content = bytearray((path / "frames.f32").read_bytes())
    content[-2] ^= 1
    (path / "frames.f32").write_bytes(content)
    with pytest.raises(FeatureStoreError, match=r"frames\.f32: expected frames with digest .* is built anew"):
        build_store_if_missing(corpus, SETTINGS, tmp_path)


def test_lengths_that_were_exchanged_are_found(corpus: Corpus, tmp_path: Path) -> None:
    path = build_store_if_missing(corpus, SETTINGS, tmp_path)
    lengths = np.load(path / "lengths.npy")
    assert lengths[0] != lengths[1]
    lengths[[0, 1]] = lengths[[1, 0]]
    np.save(path / "lengths.npy", lengths)
    with pytest.raises(FeatureStoreError, match="expected frames with digest"):
        check_store(path)


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
    (tmp_path / "corpus").write_bytes(pickle.dumps(corpus))
    code = BUILD + (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "try:\n"
        "    build_store_if_missing(corpus, LogMelSettings(), folder)\n"
        "except FeatureStoreError as error:\n"
        "    print(error)\n"
    )
    process = run_python(code, tmp_path / "corpus", tmp_path / "stores")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert out.count("\n") == 1
    assert out.startswith(f"{tmp_path / 'stores'}: no room for the feature store (File too large): ")
    assert f"{needed_bytes(corpus, LogMelFrontEnd([SETTINGS]), SETTINGS)} bytes needed" in out
    assert leftovers(tmp_path / "stores") == []


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


def test_a_store_of_a_journal_without_its_frames_is_rebuilt(corpus: Corpus, tmp_path: Path) -> None:
    whole = build_store_if_missing(corpus, SETTINGS, tmp_path / "whole")
    writer = StoreWriter(tmp_path / whole.name, corpus, SETTINGS)
    writer.begin(0)
    writer.write(0, [np.zeros((3, 40)), np.zeros((4, 40))], seconds=1)
    (partial,) = tmp_path.glob("*.partial")
    assert writer.resume() == 2
    with (partial / "frames.f32").open("ab") as file:
        file.truncate(6 * 40 * 4)
    assert writer.resume() == 1


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (1e39, r"expected numbers of at most 3\.4028e\+38 in size, the range of float32, found 1e\+39; choose another"),
        (np.nan, "expected finite numbers, found NaN or infinity"),
    ],
)
def test_frames_beyond_their_stored_type_are_refused(
    corpus: Corpus, tmp_path: Path, number: float, message: str
) -> None:
    writer = StoreWriter(tmp_path / "store", corpus, SETTINGS)
    writer.begin(0)
    writer.write(0, [np.zeros((3, 40))], seconds=1)
    with pytest.raises(FeatureStoreError, match=f"log_mel, utterance {corpus.utterances[2].id}: {message}"):
        writer.write(0, [np.zeros((3, 40)), np.zeros((3, 40)), np.full((3, 40), number)], seconds=1)


def test_utterances_that_are_written_stay(corpus: Corpus, tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "store", corpus, SETTINGS)
    writer.begin(0)
    writer.write(0, [np.full((2, 40), 1.0), np.full((3, 40), 2.0)], seconds=1)
    writer.write(0, [np.full((2, 40), 5.0)], seconds=1)
    writer.write(1, [np.full((3, 40), 6.0), np.full((1, 40), 7.0)], seconds=1)
    assert writer.resume() == 3
    frames = np.fromfile(tmp_path / ".store.partial" / "frames.f32", dtype=np.float32).reshape(-1, 40)
    assert frames[:, 0].tolist() == [1, 1, 2, 2, 2, 7]


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
    with pytest.raises(FeatureStoreError, match=r"No space left on device.*run the command again, which goes on"):
        build_store_if_missing(corpus, SETTINGS, folder)
    monkeypatch.setattr(StoreWriter, "write", write)
    # What is written needs no room any more.
    (partial,) = folder.glob("*.partial")
    left = needed_bytes(corpus, LogMelFrontEnd([SETTINGS]), SETTINGS) - (partial / "frames.f32").stat().st_size
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=left))
    calls: list[int] = []
    build_store_if_missing(corpus, SETTINGS, folder, lambda done, _: calls.append(done))
    assert calls[0] == 5


def test_a_store_of_earlier_metadata_opens(corpus: Corpus, tmp_path: Path) -> None:
    path = build_store_if_missing(corpus, SETTINGS, tmp_path)
    metadata = json.loads((path / "metadata.json").read_text())
    for name in ("width", "frame_shift_s", "number_type", "build_s"):
        del metadata[name]
    del metadata["settings"]["kind"]
    (path / "metadata.json").write_text(json.dumps(metadata))
    assert check_store(path).settings == SETTINGS


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
