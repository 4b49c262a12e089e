"""Whatever stands in a label file, it is read or refused by an error that names the file, never anything else."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser.corpora import emodb
from ser.corpora.corpus import Annotations
from ser.corpora.emodb import parse_lablaut
from ser.corpora.fau_aibo import loader as fau_aibo
from ser.corpora.fau_aibo.parsers import parse_chunk_labels, parse_segmentation, parse_transliteration
from ser.corpora.iemocap import loader as iemocap
from ser.corpora.iemocap.parsers import parse_alignment, parse_evaluation, parse_transcription
from ser.corpora.synthetic.iemocap_writer import COLUMNS
from ser.corpora.synthetic.table import read_table
from ser.errors import AnnotationError, CorpusError
from tests.support.corpora import (
    alignment,
    evaluation,
    lablaut,
    write_emodb,
    write_fau_aibo,
    write_iemocap_dialog,
)

PATH = Path("Ses01F_impro05.txt")
LABELS = "Ohm_01_000_00 N 0.625\nOhm_01_000_01 A 0.5\n"
WORDS = "Ohm_01_000_00 geh nach links,\nOhm_01_000_01 nein\n"
SEGMENTS = "Ohm_01_000_00_00 geh 12 30\nOhm_01_000_00_01 nach 31 40\n"
TURNS = evaluation(("Ses01F_impro05_F000", "neu"), ("Ses01F_impro05_M000", "sad"))
SPOKEN = "Ses01F_impro05_F000 [006.2901-008.2357]: Excuse me.\nM: Well.\n"
PHONES = alignment("Phone", "SIL", "HH SIL AE b", "AE HH SIL e", "SIL")
TABLE = "id,label,duration_s,words\nSes01F_impro05_F000,neu,0.5,3\n"

few_examples = settings(deadline=None, max_examples=100)
whole_loads = settings(deadline=None, max_examples=50)


def read_chunk_labels(text: str, path: Path) -> tuple[object, Iterable[AnnotationError]]:
    return parse_chunk_labels(text, path, ("A", "E", "N", "P", "R"))


def read_segmentation(text: str, path: Path) -> tuple[object, Iterable[AnnotationError]]:
    counts = parse_segmentation(text, path)
    return counts, counts.faults


def without_faults(parse: Callable[[str, Path], object]) -> Callable[[str, Path], tuple[object, tuple[()]]]:
    return lambda text, path: (parse(text, path), ())


PARSERS = {
    "lablaut": (without_faults(parse_lablaut), lablaut("d", "!d", "a", "s", "m")),
    "EmoEvaluation": (parse_evaluation, TURNS),
    "transcription": (without_faults(parse_transcription), SPOKEN),
    "wdseg": (without_faults(parse_alignment), alignment("Word", "<s>", "GOOD", "DAY(2)", "</s>")),
    "phseg": (without_faults(parse_alignment), PHONES),
    "chunk labels": (read_chunk_labels, LABELS),
    "transliteration": (without_faults(parse_transliteration), WORDS),
    "segmentation": (read_segmentation, SEGMENTS),
}


@st.composite
def damaged(draw: st.DrawFn, sound: str) -> str:
    """A sound text with a few stretches replaced; digits of other scripts and odd line ends among them."""
    text = sound
    odd = st.text(alphabet="²³٣½\x00\x0b\x1c\x85\xa0 \t\r\n[]-:.,0123456789", max_size=12)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 20)))
        text = text[:start] + draw(st.one_of(odd, st.text(max_size=8), st.just("9" * 5000))) + text[end:]
    return text


def any_text(sound: str) -> st.SearchStrategy[str]:
    return st.one_of(st.text(), st.binary().map(lambda content: content.decode("latin-1")), damaged(sound))


@pytest.mark.parametrize("kind", PARSERS)
@few_examples
@given(data=st.data())
def test_any_text_is_parsed_or_refused_with_its_file_and_line(kind: str, data: st.DataObject) -> None:
    parse, sound = PARSERS[kind]
    text = data.draw(any_text(sound))
    try:
        _, faults = parse(text, PATH)
    except AnnotationError as error:
        faults = (error,)
    lines = len(text.splitlines()) + 1
    for fault in faults:
        assert fault.path == PATH
        assert str(fault).startswith(str(PATH))
        assert "\n" not in str(fault)
        assert fault.line is None or 1 <= fault.line <= lines


@pytest.mark.parametrize("kind", PARSERS)
def test_sound_text_is_parsed_without_a_fault(kind: str) -> None:
    parse, sound = PARSERS[kind]
    parsed, faults = parse(sound, PATH)
    assert parsed
    assert list(faults) == []


@pytest.mark.parametrize("kind", PARSERS)
@pytest.mark.parametrize("unit", ["a", " ", "1", "[", "_", "a_", "_1", "Ses01F_impro05_F1", "Ohm_1_", "\n", "x[ "])
def test_a_long_uniform_line_is_parsed_in_time(kind: str, unit: str) -> None:
    parse, sound = PARSERS[kind]
    refusals = []
    for beginning in (
        sound,
        sound.rstrip("\n"),
        "",
        "[1.0 - 2.0]\tSes01F_impro05_F000\tneu\t",
        "Ses01F_impro05_F000 [",
    ):
        # A pattern that goes back over what it has read would not end in hours.
        try:
            parse(beginning + unit * (100_000 // len(unit)), PATH)
        except AnnotationError as fault:
            refusals.append(str(fault))
    assert all(text.startswith(str(PATH)) for text in refusals)


@few_examples
@given(content=st.one_of(st.binary(), damaged(TABLE).map(lambda text: text.encode("utf-8", errors="replace"))))
def test_any_bytes_are_a_table_or_refused(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged-table.csv"
    path.write_bytes(content)
    refused = ""
    try:
        assert read_table(path, COLUMNS)
    except CorpusError as error:
        refused = str(error)
    assert not refused or refused.startswith(str(path))


@pytest.fixture(scope="module")
def emodb_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_emodb(tmp_path_factory.mktemp("damaged") / "emodb", ["03a01Wa", "08a01Na"])


@pytest.fixture(scope="module")
def iemocap_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("damaged") / "iemocap"
    for dialog in ("Ses01F_impro05", "Ses02M_impro01"):
        write_iemocap_dialog(root, dialog, [(f"{dialog}_F000", "neu"), (f"{dialog}_M000", "sad")])
    return root


@pytest.fixture(scope="module")
def fau_aibo_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chunks = {"Ohm_01_000_00": "N", "Ohm_02_000_00": "A", "Ohm_03_000_00": "E", "Mont_01_000_00": "P"}
    return write_fau_aibo(tmp_path_factory.mktemp("damaged") / "fau_aibo", chunks)


def label_files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file() and path.suffix != ".wav")


def outcomes(load: Callable[[Path], Annotations], root: Path, path: Path, content: bytes) -> Iterator[object]:
    """What a loader makes of a folder with one file of other content, which is put back then."""
    sound = path.read_bytes()
    path.write_bytes(content)
    try:
        yield load(root)
    except CorpusError as error:
        yield error
    finally:
        path.write_bytes(sound)


def check_loader(load: Callable[[Path], Annotations], root: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(label_files(root)))
    sound = path.read_bytes().decode("latin-1")
    text = data.draw(any_text(sound))
    (outcome,) = outcomes(load, root, path, text.encode("latin-1", errors="replace"))
    if isinstance(outcome, Annotations):
        assert outcome.utterances
        assert all(utterance.emotion in outcome.emotions for utterance in outcome.utterances)
    else:
        assert str(root) in str(outcome)


@whole_loads
@given(data=st.data())
def test_emodb_loads_or_is_refused_with_any_label_file(emodb_root: Path, data: st.DataObject) -> None:
    check_loader(emodb.load, emodb_root, data)


@whole_loads
@given(data=st.data())
def test_iemocap_loads_or_is_refused_with_any_label_file(iemocap_root: Path, data: st.DataObject) -> None:
    check_loader(iemocap.load, iemocap_root, data)


@whole_loads
@given(data=st.data())
def test_fau_aibo_loads_or_is_refused_with_any_label_file(fau_aibo_root: Path, data: st.DataObject) -> None:
    check_loader(fau_aibo.load, fau_aibo_root, data)
