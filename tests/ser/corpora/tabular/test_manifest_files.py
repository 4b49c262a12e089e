"""Manifests as files: encodings, separators, quotes, line ends, damage."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser.corpora.corpus import Utterance
from ser.corpora.registry import load_annotations
from ser.corpora.tabular.manifest import Manifest, parse_manifest
from ser.errors import AnnotationError, CorpusError
from tests.support.corpora import write_wav

PATH = Path("corpus/manifest.csv")


def rows_of(manifest: Manifest) -> list[list[str]]:
    return [list(row.cells.values()) for row in manifest.rows]


def test_lines_are_counted_across_quoted_line_breaks() -> None:
    data = b'path,speaker,emotion,transcript\r\na.wav,s,joy,"one\r\ntwo"\r\n\r\nb.wav,s,joy\r\n'
    manifest = parse_manifest(data, PATH)
    assert [row.name for row in manifest.rows] == ["manifest.csv, line 2"]
    assert manifest.rows[0].cells["transcript"] == "one\r\ntwo"
    assert [fault.line for fault in manifest.faults] == [5]


def test_byte_order_mark_blanks_and_line_ends_are_no_faults() -> None:
    expected = [["a.wav", "s", "joy"]]
    for data in (
        "\ufeffpath,speaker,emotion\na.wav,s,joy",
        "path,speaker,emotion\r\na.wav,s,joy\r\n",
        "path,speaker,emotion\ra.wav,s,joy\r",
        '"path", speaker ,emotion\n\n"a.wav",s,joy\n   \n',
    ):
        assert rows_of(parse_manifest(data.encode(), PATH)) == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "line 1: expected a header with the columns path, speaker, emotion .*; found nothing"),
        (b"path,speaker\na,b\n", "line 1: expected a header .* missing: emotion, found: 'path, speaker'"),
        (b"path|speaker|emotion\n", "missing: path, speaker, emotion, found: 'path|speaker|emotion'"),
        (
            b"Filename,speaker_id,label\n",
            "; rename 'Filename' to 'path', rename 'speaker_id' to 'speaker', rename 'label'",
        ),
        (b"path,speaker,emotion,path\n", "line 1: expected each column once; found twice: 'path'"),
        (b'"path,speaker,emotion\n', "found stray quotes"),
        (b"path,speaker,emotion\na,b,c\nd,\x81,joy\n", "line 3: expected text in UTF-8, found byte 0x81"),
        ("path,speaker,emotion\n".encode("utf-16")[:-1], r"line 1: expected text in UTF-16 \(truncated data\)"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_refused_with_its_line(data: bytes, message: str) -> None:
    with pytest.raises(AnnotationError, match=message) as caught:
        parse_manifest(data, PATH)
    assert str(caught.value).startswith(f"{PATH}, line ")
    assert len(str(caught.value).splitlines()) == 1


def _check_bytes(data: bytes) -> None:
    """A manifest whose faults name their lines, or one error that does."""
    faults, last = [], data.count(b"\n") + data.count(b"\r") + 1
    try:
        manifest = parse_manifest(data, PATH)
    except AnnotationError as error:
        faults.append(error)
    else:
        faults.extend(manifest.faults)
        assert all({"path", "speaker", "emotion"} <= row.cells.keys() for row in manifest.rows)
    for fault in faults:
        assert fault.line is not None
        assert 1 <= fault.line <= last
        assert str(fault).startswith(f"{PATH}, line {fault.line}: expected ")
        assert len(str(fault).splitlines()) == 1


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_manifest_or_an_error_with_a_line(data: bytes) -> None:
    _check_bytes(data)


HEADER = b"path,speaker,emotion,words,split,id,partner,transcript,language\n"

csv_like = st.lists(st.sampled_from([b'"', b",", b"\n", b"\r", b"\x00", b"a", b" ", b"\xc3\xa4", b"\xff", b"1"]))


@settings(deadline=None)
@given(csv_like)
def test_any_bytes_after_a_header_are_rows_or_faults(pieces: list[bytes]) -> None:
    _check_bytes(HEADER + b"".join(pieces))


cells = st.text(st.characters(codec="utf-8"), max_size=8)

audio = st.sampled_from(["a.wav", "b.wav", "./a.wav", "c.wav"])


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(audio | cells, cells, cells, cells, cells, cells, cells, cells, cells), min_size=1, max_size=5)
)
def test_any_rows_give_annotations_or_our_error(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]]
) -> None:
    root = tmp_path_factory.mktemp("rows")
    for seed, name in enumerate(("a.wav", "b.wav")):
        write_wav(root / name, seed=seed)
    write_manifest_text(root, HEADER.decode().strip().split(","), rows)
    texts: list[str] = []
    utterances: tuple[Utterance, ...] = ()
    try:
        annotations = load_annotations("manifest", root)
    except CorpusError as error:
        texts.append(str(error))
    else:
        texts.extend(skipped.reason for skipped in annotations.skipped)
        utterances = annotations.utterances
    assert all(len(text.splitlines()) == 1 for text in texts)
    assert {u.path.name for u in utterances} <= {"a.wav", "b.wav"}
    assert len({u.id for u in utterances}) == len(utterances) <= 2


def write_manifest_text(root: Path, names: list[str], rows: list[tuple[str, ...]]) -> None:
    quoted = (",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in [tuple(names), *rows])
    (root / "manifest.csv").write_bytes("\n".join(quoted).encode())


TABLE = 'path,speaker,emotion,transcript\na/one.wav,Jürgen,joy,Grüß Gott\na/two.wav,s2,anger,"a, b; c"\n'

LIBREOFFICE = (
    '"path";"speaker";"emotion";"transcript"\n"a/one.wav";"Jürgen";"joy";"Grüß Gott"\n'
    '"a/two.wav";"s2";"anger";"a, b; c"\n'
)
"""The same table as LibreOffice 7.4 converts it: `soffice --convert-to csv` with semicolons and quoted text."""


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (TABLE.replace('"a, b; c"', "a{ b; c").replace(",", "\t").replace("{", ",").encode(), None),
        (TABLE.replace('"a, b; c"', '"a{ b; c"').replace(",", ";").replace("{", ",").encode(), None),
        (b"sep=,\r\n" + TABLE.replace("\n", "\r\n").encode(), None),
        (TABLE.encode("utf-16"), None),
        (LIBREOFFICE.encode("utf-16"), None),
        (TABLE.encode("utf-16-le"), None),
        (TABLE.encode("cp1252"), "manifest.csv is not UTF-8; read as Windows-1252, check its accents"),
        (
            TABLE.replace("path", " Path").replace("emotion", "EMOTION ").encode(),
            "column 'Path' of the manifest is read",
        ),
        (TABLE.replace("a/", "a\\").encode(), None),
    ],
)
def test_tables_of_spreadsheets_are_the_same_corpus(tmp_path: Path, data: bytes, note: str | None) -> None:
    write_wav(tmp_path / "a" / "one.wav", seed=1)
    write_wav(tmp_path / "a" / "two.wav", seed=2)
    (tmp_path / "manifest.csv").write_text(TABLE, encoding="utf-8")
    plain = load_annotations("manifest", tmp_path)
    (tmp_path / "manifest.csv").write_bytes(data)
    annotations = load_annotations("manifest", tmp_path)
    assert annotations.utterances == plain.utterances
    assert [u.transcript for u in plain.utterances] == ["Grüß Gott", "a, b; c"]
    assert note is None or any(text.startswith(note) for text in annotations.notes)


def test_lines_are_counted_with_the_line_that_names_the_separator() -> None:
    manifest = parse_manifest(b"sep=;\r\npath;speaker;emotion\r\na.wav;s;joy\r\nb.wav;s\r\n", PATH)
    assert [row.name for row in manifest.rows] == ["manifest.csv, line 3"]
    assert [fault.line for fault in manifest.faults] == [4]


def test_an_exact_column_goes_before_one_in_another_case() -> None:
    manifest = parse_manifest(b"path,Path,speaker,emotion\na.wav,b.wav,s,joy\n", PATH)
    assert manifest.rows[0].cell("path") == "a.wav"
    assert manifest.notes == ("unused columns of the manifest: 'Path'",)
