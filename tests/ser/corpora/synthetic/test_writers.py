from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser.corpora.audio import read_audio
from ser.corpora.iemocap.parsers import is_word, parse_alignment
from ser.corpora.loading import load_corpus
from ser.corpora.registry import load_annotations
from ser.corpora.synthetic import LAYOUTS, write_synthetic_corpus
from ser.errors import AnnotationError, ConfigurationError, CorpusError
from tests.support.full_size import write_table

IEMOCAP = (
    {"id": "Ses01F_impro01_F000", "label": "neu", "duration_s": 0.5},
    {"id": "Ses01F_impro01_MXX0", "label": "neu", "duration_s": 0.3, "transcript": "never cut out"},
    {"id": "Ses01F_impro01_M000", "label": "exc", "duration_s": 0.25, "words": 7, "voiced_phonemes": 11},
    {"id": "Ses02M_script01_1b_F000", "label": "ang", "duration_s": 0.2, "transcript": "Voilà!"},
    {"id": "Ses01F_impro01_M001", "label": "xxx", "duration_s": 0.1, "aligned": "no"},
    {"id": "Ses01F_impro02_M000", "label": "sad", "duration_s": 0.1, "valence": 1.5, "activation": 2, "dominance": 3},
)
FAU_AIBO = (
    {"id": "Ohm_01_000_00", "label": "A", "duration_s": 0.5, "label_2cl": "NEG"},
    {"id": "Ohm_02_000_00", "label": "N", "duration_s": 0.3, "label_2cl": "IDL", "transcript": "Läuft, Aibo."},
    {"id": "Ohm_03_000_00", "label": "E", "duration_s": 0.2, "label_2cl": "NEG", "aligned": "no"},
    {"id": "Mont_01_000_00", "label": "P", "duration_s": 0.2, "label_2cl": "IDL", "words": 4},
)
TABLES: Mapping[str, Sequence[Mapping[str, object]]] = {"iemocap": IEMOCAP, "fau_aibo": FAU_AIBO}


def made(name: str, folder: Path, **options: object) -> Path:
    root = folder / name
    write_synthetic_corpus(name, write_table(folder / f"{name}.csv", TABLES[name]), root, **options)  # type: ignore[arg-type]
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_iemocap_is_read_back_as_the_table_says(tmp_path: Path) -> None:
    annotations = load_annotations("iemocap", made("iemocap", tmp_path), {"part": "both"})
    found = {one.id: one for one in annotations.utterances}
    assert {name: one.emotion for name, one in found.items()} == {
        "Ses01F_impro01_F000": "neutral",
        "Ses01F_impro01_M000": "happiness",
        "Ses02M_script01_1b_F000": "anger",
        "Ses01F_impro02_M000": "sadness",
    }
    assert annotations.skipped == ()
    excited = found["Ses01F_impro01_M000"]
    assert (excited.words, excited.voiced_phonemes, excited.words_source) == (7, 11, "alignment")
    assert found["Ses01F_impro02_M000"].ratings == {"valence": 1.5, "activation": 2.0, "dominance": 3.0}
    french = found["Ses02M_script01_1b_F000"]
    assert (french.transcript, french.words, french.voiced_phonemes) == ("Voilà!", 1, 2)
    durations = {name: soundfile.info(one.path).duration for name, one in found.items()}
    assert durations == {str(row["id"]): row["duration_s"] for row in IEMOCAP if row["id"] in found}


def test_a_row_without_alignment_has_none(tmp_path: Path) -> None:
    root = made("iemocap", tmp_path)
    assert not list(root.rglob("Ses01F_impro01_M001.*seg"))
    assert len(list(root.rglob("Ses01F_impro01_M001.wav"))) == 1
    assert not list(root.rglob("*XX0.*"))
    assert "Ses01F_impro01_MXX0 [" in next(root.rglob("transcriptions/Ses01F_impro01.txt")).read_text("latin-1")


def test_rows_of_the_alignment_lie_in_the_audio(tmp_path: Path) -> None:
    root = made("iemocap", tmp_path)
    for path in root.rglob("*.??seg"):
        rows = parse_alignment(path.read_text("latin-1"), path)
        wav = Path(str(path.with_suffix(".wav")).replace("ForcedAlignment", "wav"))
        assert rows[0].start_frame == 0
        assert rows[-1].end_frame == soundfile.info(wav).frames // 160 - 1
        assert all(one.start_frame <= other.start_frame for one, other in pairwise(rows))


def test_fau_aibo_is_read_back_as_the_table_says(tmp_path: Path) -> None:
    root = made("fau_aibo", tmp_path)
    annotations = load_annotations("fau_aibo", root)
    found = {one.id: one for one in annotations.utterances}
    assert {name: one.emotion for name, one in found.items()} == {
        "Ohm_01_000_00": "anger",
        "Ohm_02_000_00": "neutral",
        "Ohm_03_000_00": "emphatic",
        "Mont_01_000_00": "positive",
    }
    aligned = found["Ohm_02_000_00"]
    assert (aligned.transcript, aligned.words, aligned.words_source) == ("Läuft Aibo", 2, "segmentation")
    assert found["Ohm_03_000_00"].words_source == "transliteration"
    assert found["Mont_01_000_00"].words == 4
    two = load_annotations("fau_aibo", root, {"classes": "2"})
    assert [one.emotion for one in two.utterances] == ["idle", "negative", "idle", "negative"]


@pytest.mark.parametrize("name", LAYOUTS)
def test_distractors_change_no_utterance(name: str, tmp_path: Path) -> None:
    plain, misleading = made(name, tmp_path), tmp_path / "misleading"
    write_synthetic_corpus(name, tmp_path / f"{name}.csv", misleading, distractors=True)
    assert any(path.name.startswith("._") for path in misleading.rglob("*"))
    assert any(b"\r\n" in content for content in contents(misleading).values())
    first, second = load_corpus(name, plain), load_corpus(name, misleading)
    assert first.digest == second.digest
    assert [one.transcript for one in first.utterances] == [one.transcript for one in second.utterances]
    assert second.skipped == ()


@pytest.mark.parametrize("name", LAYOUTS)
def test_bytes_follow_from_table_and_seed(name: str, tmp_path: Path) -> None:
    first = made(name, tmp_path)
    for folder, seed in (("again", 0), ("other", 1)):
        write_synthetic_corpus(name, tmp_path / f"{name}.csv", tmp_path / folder, seed=seed)
    assert contents(tmp_path / "again") == contents(first)
    other = contents(tmp_path / "other")
    changed = {path for path, content in contents(first).items() if other[path] != content}
    assert changed == {path for path in other if path.endswith(".wav")} | {"synthetic.json"}


@pytest.mark.parametrize("name", LAYOUTS)
def test_utterances_differ_and_are_marked_synthetic(name: str, tmp_path: Path) -> None:
    corpus = load_corpus(name, made(name, tmp_path), options={"part": "both"} if name == "iemocap" else None)
    assert len(set(corpus.samples_sha256)) == len(corpus.utterances)
    assert all(np.abs(read_audio(one.path)).max() > 0.05 for one in corpus.utterances)
    assert corpus.notes[0].startswith("synthetic speech, not recorded (according to synthetic.json)")
    assert corpus.synthetic


def test_progress_counts_every_row(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    made("iemocap", tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, len(IEMOCAP)) for done in range(1, len(IEMOCAP) + 1)]


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_demos_voices_speak_the_transcripts(name: str, tmp_path: Path, demo_root: Path) -> None:
    assert demo_root.is_dir()  # made, so that eSpeak NG is there
    root = made(name, tmp_path, voice="demo")
    options = {"part": "both"} if name == "iemocap" else None
    corpus = load_corpus(name, root, options=options)
    wanted = {str(row["id"]): str(row["transcript"]) for row in TABLES[name] if "transcript" in row}
    for utterance, duration_s in zip(corpus.utterances, corpus.durations_s, strict=True):
        assert 0.4 < duration_s < 5
        assert utterance.words == len((utterance.transcript or "").split())
        said = wanted.get(utterance.id, "").replace(",", "").rstrip(".") or utterance.transcript
        assert (utterance.transcript or "").rstrip(".") == (said or "").rstrip(".")
    write_synthetic_corpus(name, tmp_path / f"{name}.csv", tmp_path / "again", voice="demo")
    assert contents(tmp_path / "again") == contents(root)


def test_spoken_words_are_aligned(tmp_path: Path, demo_root: Path) -> None:
    assert demo_root.is_dir()  # made, so that eSpeak NG is there
    root = made("iemocap", tmp_path, voice="demo")
    path = next(root.rglob("Ses01F_impro01_F000.wdseg"))
    words = [row.symbol.lower() for row in parse_alignment(path.read_text("latin-1"), path) if is_word(row.symbol)]
    spoken = {one.id: one.transcript for one in load_annotations("iemocap", root).utterances}["Ses01F_impro01_F000"]
    assert words == (spoken or "").lower().rstrip(".").split()


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_folder_that_holds_something_is_left_alone(name: str, tmp_path: Path) -> None:
    root = tmp_path / name
    root.mkdir()
    (root / "mine.txt").write_text("mine")
    with pytest.raises(CorpusError, match=f"{name}: is not an empty folder; name a new one"):
        made(name, tmp_path)
    assert contents(root) == {"mine.txt": b"mine"}
    (root / "mine.txt").unlink()
    made(name, tmp_path)
    assert (root / "synthetic.json").is_file()


def test_what_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    rows = [*FAU_AIBO, {"id": "Ohm_04_000_00", "label": "A"}]
    table = write_table(tmp_path / "table.csv", rows)
    with pytest.raises(
        AnnotationError, match=r"table.csv, line 6: expected a duration_s, which the voice 'noise' needs"
    ):
        write_synthetic_corpus("fau_aibo", table, tmp_path / "made")
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_unknown_layouts_and_voices_are_refused(tmp_path: Path) -> None:
    table = write_table(tmp_path / "table.csv", FAU_AIBO)
    with pytest.raises(ConfigurationError, match="unknown layout 'fau'; valid: iemocap, fau_aibo"):
        write_synthetic_corpus("fau", table, tmp_path / "made")
    with pytest.raises(ConfigurationError, match="unknown voice 'song'; valid: noise, demo"):
        write_synthetic_corpus("fau_aibo", table, tmp_path / "made", voice="song")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,duration_s\nSes01F_impro01_F000,1\n", "line 1: expected the columns label in the header"),
        ("id,label,speed\n", "line 1: expected columns of id, label, duration_s, .*, found 'speed'"),
        ("id,label,id\n", "line 1: expected each column once"),
        ("", "line 1: expected the columns id and label in the header"),
        ("id,label\n", "table.csv: expected a row or more below the header"),
        ("id,label\nSes01F_impro01_F000,\n", "line 2: expected an id and a label"),
        ("id,label\nSes01F_impro01_F000,neu,1\n", "line 2: expected 2 values, as in the header, found 3"),
        ("id,label,words\n\nSes01F_impro01_F000,neu\n", "line 3: expected 3 values, as in the header, found 2"),
        (
            'id,label,words\nSes01F_impro01_F000,neu,"3\na,neu,2\n',
            r"line 2: expected values separated by .*a quote that is left open",
        ),
        ("id,label\nimpro01_F000,neu\n", "line 2: expected an id such as Ses01F_impro04_M000, .*found 'impro01_F000'"),
        ("id,label\nSes01F_impro01_F000,joy\n", "line 2: expected a label of ang, .*, found 'joy'"),
        ("id,label\na,neu\na,neu\n", "line 3: expected ids of their own, 'a' is in line 2"),
        ("id,label,duration_s\na,neu,0.01\n", "line 2: expected duration_s to be 0.025 to 3600 seconds, found '0.01'"),
        ("id,label,duration_s\na,neu,nan\n", "line 2: expected duration_s to be 0.025 to 3600 seconds, found 'nan'"),
        ("id,label,words\na,neu,-1\n", "line 2: expected words to be 0 to 100000, found '-1'"),
        ("id,label,aligned\na,neu,maybe\n", "line 2: expected aligned to be yes or no, found 'maybe'"),
        ("id,label,valence\na,neu,3\n", "line 2: expected all of valence, activation, dominance or none"),
        ("id,label,transcript\na,neu,\u0142\n", "line 2: expected transcript to be characters of latin-1"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text(text, encoding="utf-8")
    with pytest.raises(AnnotationError, match=message):
        write_synthetic_corpus("iemocap", table, tmp_path / "made")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("Ohm_01,A,", "expected an id such as Ohm_01_000_00, found 'Ohm_01'"),
        ("Ohm_01_000_00,neu,", "expected a label of A, E, N, P, R, found 'neu'"),
        ("Ohm_01_000_00,A,angry", "expected a label_2cl of NEG, IDL, found 'angry'"),
    ],
)
def test_labels_and_ids_are_those_of_fau_aibo(row: str, message: str, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text(f"id,label,label_2cl\n{row}\n", encoding="utf-8")
    with pytest.raises(AnnotationError, match=message):
        write_synthetic_corpus("fau_aibo", table, tmp_path / "made")


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"gone.csv: the table cannot be read: No such file"):
        write_synthetic_corpus("iemocap", tmp_path / "gone.csv", tmp_path / "made")
