"""What every corpus's loader keeps to. A new corpus is tried by one more line in CASES."""

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser.corpora.corpus import UNKNOWN, Annotations, Utterance
from ser.corpora.loading import load_corpus, read_corpus_audio
from ser.corpora.registry import LOADERS, load_annotations
from ser.corpora.transcripts.counts import add_transcript_counts
from ser.errors import ConfigurationError, CorpusError
from tests.support.corpora import (
    write_database,
    write_emodb,
    write_fau_aibo,
    write_iemocap_dialog,
    write_manifest,
    write_text,
)

EMODB = ("03a01Wa", "03a02Na", "08a01Wa", "08a02Na", "09a01Fa", "10b10Ta")
IEMOCAP = (("M000", "neu"), ("F000", "hap"), ("M001", "sad"), ("F001", "ang"))
FAU_AIBO = ("Ohm_01_000_00", "Ohm_02_000_00", "Ohm_03_001_00", "Ohm_04_000_01", "Mont_01_000_00", "Mont_02_001_00")
ROWS: tuple[Mapping[str, object], ...] = tuple(
    {
        "path": f"{speaker}/{emotion}.wav",
        "speaker": speaker,
        "emotion": emotion,
        "words": 3,
        "transcript": "Ja und nein",
    }
    for speaker in ("s1", "s2", "s3", "s4")
    for emotion in ("joy", "anger")
)


@dataclass(frozen=True)
class Case:
    """A tiny instance of a registered corpus.

    Attributes:
        corpus: Its name in the registry.
        write: Writes it into a folder that does not exist yet; at least four utterances of two speakers.
        options: Options that it is read with.
    """

    corpus: str
    write: Callable[[Path], object]
    options: Mapping[str, str] = field(default_factory=dict)


def write_iemocap(root: Path) -> None:
    for dialog in ("Ses01F_impro01", "Ses02M_impro02"):
        write_iemocap_dialog(root, dialog, [(f"{dialog}_{turn}", code) for turn, code in IEMOCAP])


def write_demo(root: Path) -> None:
    write_iemocap(root)
    write_text(root / "demo.json", "{}")


CASES = (
    Case("emodb", lambda root: write_emodb(root, EMODB)),
    Case("iemocap", write_iemocap),
    Case("demo", write_demo),
    Case("fau_aibo", lambda root: write_fau_aibo(root, dict(zip(FAU_AIBO, "AENPRA", strict=True)))),
    Case("manifest", lambda root: write_manifest(root, ROWS), {"emotions": "joy,anger", "language": "de"}),
    Case("audformat", lambda root: write_database(root, ROWS), {"emotions": "joy,anger"}),
)


@pytest.fixture(params=CASES, ids=lambda case: case.corpus)
def case(request: pytest.FixtureRequest) -> Case:
    chosen: Case = request.param
    if chosen.corpus == "audformat" and find_spec("audformat") is None:
        pytest.skip("needs package audformat")
    return chosen


@pytest.fixture
def root(case: Case, tmp_path: Path) -> Path:
    case.write(tmp_path / "corpus")
    return tmp_path / "corpus"


@pytest.fixture
def annotations(case: Case, root: Path) -> Annotations:
    return load_annotations(case.corpus, root, case.options)


def files_of(root: Path) -> dict[Path, bytes]:
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def one_changed(annotations: Annotations, change: Callable[[Utterance], Utterance]) -> Annotations:
    first, *others = annotations.utterances
    return replace(annotations, utterances=(change(first), *others))


def test_every_registered_corpus_has_a_case() -> None:
    assert {case.corpus for case in CASES} == set(LOADERS)


def test_the_class_set_is_given_and_holds_every_emotion(annotations: Annotations) -> None:
    assert len(annotations.emotions) >= 2
    assert len(set(annotations.emotions)) == len(annotations.emotions)
    assert {utterance.emotion for utterance in annotations.utterances} <= set(annotations.emotions)


def test_the_class_set_does_not_depend_on_which_audio_is_there(
    case: Case, root: Path, annotations: Annotations
) -> None:
    for utterance in annotations.utterances:
        if utterance.emotion == annotations.emotions[0]:
            utterance.path.unlink()
    left = load_annotations(case.corpus, root, case.options)
    assert left.emotions == annotations.emotions
    assert 0 < len(left.utterances) < len(annotations.utterances)


def test_utterances_have_ids_speakers_and_audio_and_are_sorted(case: Case, annotations: Annotations) -> None:
    ids = [utterance.id for utterance in annotations.utterances]
    assert len(ids) >= 4
    assert ids == sorted(set(ids))
    assert all(ids)
    assert len({utterance.speaker for utterance in annotations.utterances} - {""}) >= 2
    assert all(utterance.speaker for utterance in annotations.utterances)
    assert all(utterance.path.is_file() for utterance in annotations.utterances)
    assert annotations.corpus == case.corpus
    assert annotations.language
    assert annotations.skipped == ()


def test_partners_are_mutual_and_in_the_corpus(annotations: Annotations) -> None:
    speakers = {utterance.speaker for utterance in annotations.utterances}
    assert set(annotations.partners) <= speakers
    for speaker, partner in annotations.partners.items():
        assert partner != speaker
        assert annotations.partners[partner] == speaker


def test_somebody_validates(annotations: Annotations) -> None:
    splits = {utterance.split for utterance in annotations.utterances}
    assert annotations.partners or splits == {"training", "validation", "test"}


def test_counts_have_an_origin_and_what_is_unknown_has_none(annotations: Annotations) -> None:
    for utterance in (*annotations.utterances, *add_transcript_counts(annotations).utterances):
        for count, origin in (
            (utterance.words, utterance.words_source),
            (utterance.voiced_phonemes, utterance.voiced_phonemes_source),
        ):
            assert count is None or count >= 0
            assert (count is None) == (origin == UNKNOWN)
            assert origin


def test_counts_that_the_corpus_gives_are_kept(annotations: Annotations) -> None:
    for before, after in zip(annotations.utterances, add_transcript_counts(annotations).utterances, strict=True):
        assert before.words in (None, after.words)
        assert before.voiced_phonemes in (None, after.voiced_phonemes)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("gone", "no such folder; expected .*, with"),
        ("file", "is a file; expected"),
        ("empty", "is empty; expected"),
    ],
)
def test_a_folder_without_a_corpus_is_refused_in_one_line(case: Case, tmp_path: Path, place: str, message: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match=f"{tmp_path / place}: {message}") as caught:
        load_annotations(case.corpus, tmp_path / place, case.options)
    assert len(str(caught.value).splitlines()) == 1


def test_a_folder_of_another_layout_is_refused(case: Case, tmp_path: Path) -> None:
    write_text(tmp_path / "papers" / "reading.txt", "nothing to hear")
    with pytest.raises(CorpusError, match=f"{tmp_path}: has no ") as caught:
        load_annotations(case.corpus, tmp_path, case.options)
    assert len(str(caught.value).splitlines()) == 1


def test_an_unknown_option_is_refused_with_the_known_ones(case: Case, root: Path) -> None:
    known = ", ".join(LOADERS[case.corpus].options.model_fields) or "none"
    with pytest.raises(
        ConfigurationError, match=f"corpus {case.corpus} has no option 'colour'; valid options: {known}"
    ):
        load_annotations(case.corpus, root, {"colour": "blue"})


def test_every_option_has_a_default_and_is_described(case: Case) -> None:
    kind = LOADERS[case.corpus].options
    kind()
    for option in kind.model_fields:
        described = [base.__doc__ or "" for base in kind.__mro__]
        assert any(f"        {option}: " in text for text in described), f"{option} is not in the docstring"


def test_loading_twice_gives_the_same_and_changes_no_file(case: Case, root: Path, annotations: Annotations) -> None:
    before = files_of(root)
    assert load_annotations(case.corpus, root, case.options) == annotations
    assert files_of(root) == before


def test_no_audio_is_read_before_it_is_heard(case: Case, root: Path, annotations: Annotations) -> None:
    for utterance in annotations.utterances:
        utterance.path.write_bytes(b"")
    assert load_annotations(case.corpus, root, case.options) == annotations


def test_a_moved_folder_changes_paths_alone(case: Case, root: Path, annotations: Annotations) -> None:
    moved = root.rename(root.parent / "elsewhere")
    after = load_annotations(case.corpus, moved, case.options)
    back = tuple(replace(one, path=root / one.path.relative_to(moved)) for one in after.utterances)
    notes = tuple(note.replace(str(moved), str(root)) for note in after.notes)
    assert replace(after, root=root, utterances=back, notes=notes) == annotations


def test_files_of_operating_systems_are_ignored(case: Case, root: Path, annotations: Annotations) -> None:
    for path in list(files_of(root)):
        (root / path).with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7")
        (root / path).with_name(".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    assert load_annotations(case.corpus, root, case.options) == annotations


def test_the_digest_does_not_depend_on_names_paths_or_order(root: Path, annotations: Annotations) -> None:
    before = read_corpus_audio(annotations).digest
    renamed = tuple(
        replace(utterance, id=f"{number:03d}", path=utterance.path.rename(root / f"{number:03d}.other"))
        for number, utterance in enumerate(reversed(annotations.utterances))
    )
    assert read_corpus_audio(replace(annotations, corpus="other", utterances=renamed)).digest == before


def another_emotion(annotations: Annotations) -> Annotations:
    first = annotations.utterances[0].emotion
    other = next(emotion for emotion in annotations.emotions if emotion != first)
    return one_changed(annotations, lambda utterance: replace(utterance, emotion=other))


def another_sample(annotations: Annotations) -> Annotations:
    path = annotations.utterances[0].path
    samples, rate_hz = soundfile.read(path, dtype="int16")
    samples[len(samples) // 2] += np.int16(1)
    soundfile.write(path, samples, rate_hz, subtype="PCM_16")
    return annotations


CHANGES: dict[str, Callable[[Annotations], Annotations]] = {
    "samples": another_sample,
    "emotion": another_emotion,
    "speaker": lambda read: one_changed(read, lambda one: replace(one, speaker="somebody else")),
    "words": lambda read: one_changed(read, lambda one: replace(one, words=(one.words or 0) + 1)),
    "voiced_phonemes": lambda read: one_changed(read, lambda one: replace(one, voiced_phonemes=99)),
    "class set": lambda read: replace(read, emotions=read.emotions[::-1]),
    "utterances": lambda read: replace(read, utterances=read.utterances[1:]),
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_digest_depends_on_what_is_learnt_from(annotations: Annotations, what: str) -> None:
    before = read_corpus_audio(annotations).digest
    assert read_corpus_audio(CHANGES[what](annotations)).digest != before


def test_the_digest_ignores_what_training_does_not_use(annotations: Annotations) -> None:
    before = read_corpus_audio(annotations)
    retold = tuple(
        replace(
            utterance,
            session="another",
            site="elsewhere",
            sentence="x1",
            transcript="Other words",
            words_source="another source",
            voiced_phonemes_source="another source",
            language="fi",
            split="test",
            ratings={"valence": 1.0},
        )
        for utterance in annotations.utterances
    )
    other = replace(annotations, utterances=retold, partners={}, language="fi", notes=("new",), synthetic=True)
    assert read_corpus_audio(other).digest == before.digest


def test_the_demo_is_synthetic_whichever_loader_reads_it(demo_root: Path) -> None:
    assert load_annotations("iemocap", demo_root).synthetic


@pytest.mark.parametrize("call", ["iterdir", "exists"])
def test_a_folder_that_the_user_may_not_read_is_named(
    case: Case, root: Path, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, call, denied)
    with pytest.raises(CorpusError, match=r"corpus: expected a folder that can be read \(Permission denied\)"):
        load_annotations(case.corpus, root, case.options)


def test_a_marker_makes_a_corpus_synthetic(case: Case, root: Path, annotations: Annotations) -> None:
    assert annotations.synthetic == (case.corpus == "demo")
    write_text(root / "synthetic.json", "{}")
    corpus = load_corpus(case.corpus, root, options=case.options)
    assert corpus.synthetic
    assert corpus.identity.synthetic
    assert corpus.notes[0].startswith("synthetic speech, not recorded (according to synthetic.json)")


def test_one_bad_audio_file_is_skipped_and_listed(case: Case, root: Path, annotations: Annotations) -> None:
    bad = annotations.utterances[0]
    bad.path.write_bytes(b"no sound")
    corpus = load_corpus(case.corpus, root, options=case.options)
    assert len(corpus.utterances) == len(annotations.utterances) - 1
    assert [skipped.name for skipped in corpus.skipped] == [bad.id]
    assert str(bad.path) in corpus.skipped[0].reason
