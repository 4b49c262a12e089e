import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser.corpora.audio import read_audio
from ser.corpora.loading import load_corpus, read_corpus_audio
from ser.corpora.registry import load_annotations
from ser.errors import ConfigurationError, CorpusError
from tests.support.corpora import lablaut, write_emodb, write_text, write_wav

STEMS = ("03a01Wa", "03a02Na", "08a01Wa", "08a02Na", "09a01Fa")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_emodb(tmp_path / "emodb", STEMS)


def test_an_unknown_corpus_is_named_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"unknown corpus 'emodbb' \(did you mean 'emodb'\?\)"):
        load_annotations("emodbb", tmp_path)


def test_utterances_are_sorted_by_speaker_then_samples(root: Path) -> None:
    write_wav(root / "wav" / "03a01Wa.wav", seconds=0.75, seed=99)
    corpus = load_corpus("emodb", root)
    hashes = [hashlib.sha256(read_audio(u.path).astype("<f4").tobytes()).hexdigest() for u in corpus.utterances]
    keys = [(u.speaker, samples) for u, samples in zip(corpus.utterances, hashes, strict=True)]
    assert keys == sorted(keys)
    assert len(set(hashes)) == len(STEMS)
    durations_s = {u.id: duration_s for u, duration_s in zip(corpus.utterances, corpus.durations_s, strict=True)}
    assert durations_s == {stem: 0.75 if stem == "03a01Wa" else 0.5 for stem in STEMS}
    assert corpus.speakers == ("03", "08", "09")


def test_progress_counts_every_file(root: Path) -> None:
    seen: list[tuple[int, int]] = []
    load_corpus("emodb", root, lambda done, total: seen.append((done, total)))
    assert seen == [(done, 5) for done in range(1, 6)]


def test_the_digest_ignores_names_folders_and_file_bytes(root: Path, tmp_path: Path) -> None:
    before = load_corpus("emodb", root)
    moved = root.rename(tmp_path / "elsewhere")
    for folder, suffix in (("wav", ".wav"), ("lablaut", "xx.lablaut")):
        for stem, version in (("03a01Wa", "03a01Wd"), ("09a01Fa", "09a01Fz")):
            (moved / folder / f"{stem}{suffix}").rename(moved / folder / f"{version}{suffix}")
    same_sound = moved / "wav" / "08a02Na.wav"
    samples, rate_hz = soundfile.read(same_sound, dtype="int16")
    soundfile.write(same_sound, samples, rate_hz, subtype="PCM_24")
    after = load_corpus("emodb", moved)
    assert after.digest == before.digest
    assert [u.emotion for u in after.utterances] == [u.emotion for u in before.utterances]


@pytest.mark.parametrize("what", ["samples", "emotion", "voiced_phonemes", "utterance", "speaker"])
def test_the_digest_depends_on_content(root: Path, what: str) -> None:
    before = load_corpus("emodb", root).digest
    wav, label = root / "wav", root / "lablaut"
    if what == "samples":
        samples, rate_hz = soundfile.read(wav / "09a01Fa.wav", dtype="int16")
        samples[1000] += 1
        soundfile.write(wav / "09a01Fa.wav", samples, rate_hz, subtype="PCM_16")
    elif what == "voiced_phonemes":
        write_text(label / "09a01Faxx.lablaut", lablaut(*"aaaa"))
    elif what == "utterance":
        (wav / "09a01Fa.wav").unlink()
    else:
        name = {"emotion": "09a01Ta", "speaker": "10a01Fa"}[what]
        (wav / "09a01Fa.wav").rename(wav / f"{name}.wav")
        (label / "09a01Faxx.lablaut").rename(label / f"{name}xx.lablaut")
    assert load_corpus("emodb", root).digest != before


def test_the_digest_depends_on_the_class_set_and_not_on_sessions(root: Path) -> None:
    annotations = load_annotations("emodb", root)
    before = read_corpus_audio(annotations).digest
    renamed = tuple(replace(u, session="S1", sentence=None, id=f"x{u.id}") for u in annotations.utterances)
    assert read_corpus_audio(replace(annotations, utterances=renamed)).digest == before
    assert read_corpus_audio(replace(annotations, emotions=annotations.emotions[::-1])).digest != before


def test_bad_audio_is_skipped_and_listed_with_the_file(root: Path) -> None:
    wav = root / "wav"
    write_text(wav / "03a01Wa.wav", "no sound")
    soundfile.write(wav / "09a01Fa.wav", np.full(16_000, np.nan), 16_000, subtype="FLOAT")
    corpus = load_corpus("emodb", root)
    assert sorted(u.id for u in corpus.utterances) == ["03a02Na", "08a01Wa", "08a02Na"]
    assert [skipped.name for skipped in corpus.skipped] == ["03a01Wa", "09a01Fa"]
    assert str(wav / "03a01Wa.wav") in corpus.skipped[0].reason
    assert "NaN" in corpus.skipped[1].reason
    assert corpus.partners == {"03": "08", "08": "03"}


def test_a_speaker_whose_audio_is_all_bad_is_no_partner(root: Path) -> None:
    for stem in ("08a01Wa", "08a02Na"):
        write_text(root / "wav" / f"{stem}.wav", "no sound")
    assert load_corpus("emodb", root).partners == {}


def test_a_corpus_with_mostly_bad_audio_is_refused(root: Path) -> None:
    for stem in STEMS[:3]:
        write_text(root / "wav" / f"{stem}.wav", "no sound")
    with pytest.raises(CorpusError, match=r"emodb: 3 of 5 audio files cannot be read \(first: .*03a01Wa\.wav"):
        load_corpus("emodb", root)


def test_the_same_recording_twice_is_noted(root: Path) -> None:
    (root / "wav" / "09a01Fa.wav").write_bytes((root / "wav" / "03a01Wa.wav").read_bytes())
    assert load_corpus("emodb", root).notes == ("1 utterances have the same samples as another: 03a01Wa = 09a01Fa",)


def test_opening_a_corpus_does_not_import_torch() -> None:
    code = "import sys, ser.corpora, ser.corpora.synthetic.demo; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


def test_the_real_emodb_opens_whole(emodb_root: Path) -> None:
    corpus = load_corpus("emodb", emodb_root)
    assert len(corpus.utterances) == len(corpus.durations_s) == 535
    assert corpus.skipped == ()
    assert min(corpus.durations_s) == pytest.approx(1.2, abs=0.05)
    assert max(corpus.durations_s) == pytest.approx(9.0, abs=0.05)


def test_silence_is_noted_and_is_no_duplicate_of_silence(tmp_path: Path) -> None:
    root = write_emodb(tmp_path, ["03a01Wa", "03a02Na", "08a01Wa", "08a02Na"])
    for stem in ("03a01Wa", "08a01Wa"):
        soundfile.write(root / "wav" / f"{stem}.wav", np.zeros(16_000), 16_000)
    corpus = load_corpus("emodb", root)
    assert corpus.notes == ("audio of 2 utterances: silence (peak below 0.001): 03a01Wa, 08a01Wa",)


def test_a_file_that_claims_years_is_one_skipped_utterance(tmp_path: Path) -> None:
    root = write_emodb(tmp_path, ["03a01Wa", "03a02Na", "08a01Wa", "08a02Na"])
    path = root / "wav" / "03a01Wa.wav"
    soundfile.write(path, np.zeros(16_000), 16_000, format="FLAC")
    content = bytearray(path.read_bytes())
    content[22:26] = b"\xff\xff\xff\xff"
    path.write_bytes(bytes(content))
    corpus = load_corpus("emodb", root)
    assert [skipped.name for skipped in corpus.skipped] == ["03a01Wa"]
    assert "according to its header; expected 1800 s at most" in corpus.skipped[0].reason
