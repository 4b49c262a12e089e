import pickle
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ser.corpora.audformat_db import files
from ser.corpora.corpus import Annotations
from ser.corpora.loading import load_corpus
from ser.corpora.registry import load_annotations
from ser.errors import AnnotationError, ConfigurationError, CorpusError, SerError
from tests.support.corpora import make_database, write_database, write_wav

pytestmark = pytest.mark.skipif(find_spec("audformat") is None, reason="needs package audformat")

ROWS: list[dict[str, object]] = [
    {"path": "a/one.wav", "speaker": "s1", "emotion": "joy"},
    {"path": "a/two.wav", "speaker": "s2", "emotion": "anger"},
    {"path": "b/three.wav", "speaker": "s3", "emotion": "joy"},
    {"path": "b/four.wav", "speaker": "s4", "emotion": "anger"},
]
FILES = [{"path": row["path"]} for row in ROWS]


def column(name: str, *values: object) -> list[dict[str, object]]:
    return [file | {name: value} for file, value in zip(FILES, values, strict=True)]


EMOTIONS = column("emotion", "joy", "anger", "joy", "anger")
SPEAKERS = column("speaker", "s1", "s2", "s3", "s4")


def load(root: Path, **options: str) -> Annotations:
    return load_annotations("audformat", root, options)


def save(root: Path, tables: dict[str, list[dict[str, object]]], **others: object) -> Path:
    """A database of several tables, with audio for each file."""
    make_database(tables, **others).save(str(root), storage_format="csv", update_other_formats=False)  # type: ignore[arg-type]
    for seed, path in enumerate(sorted({str(row["path"]) for rows in tables.values() for row in rows})):
        write_wav(root / path, seed=seed)
    return root


@pytest.mark.parametrize("storage_format", ["csv", "parquet"])
def test_a_table_with_emotions_and_speakers_is_a_corpus(tmp_path: Path, storage_format: str) -> None:
    annotations = load(write_database(tmp_path, ROWS, storage_format))
    assert [(u.id, u.path, u.speaker, u.emotion, u.start_s, u.end_s) for u in annotations.utterances] == [
        ("four", tmp_path / "b" / "four.wav", "s4", "anger", None, None),
        ("one", tmp_path / "a" / "one.wav", "s1", "joy", None, None),
        ("three", tmp_path / "b" / "three.wav", "s3", "joy", None, None),
        ("two", tmp_path / "a" / "two.wav", "s2", "anger", None, None),
    ]
    assert (annotations.corpus, annotations.language, annotations.emotions) == ("audformat", "de", ("anger", "joy"))
    assert annotations.notes[0] == "columns used: emotion from utterances.emotion, speaker from utterances.speaker"


def test_all_columns_are_read(tmp_path: Path) -> None:
    more = {"session": "S1", "words": 3, "voiced_phonemes": 9, "transcript": "Guten Tag", "split": "dev"}
    first = load(write_database(tmp_path, [row | more for row in ROWS])).utterances[0]
    assert (first.session, first.transcript, first.split) == ("S1", "Guten Tag", "validation")
    assert (first.words, first.words_source, first.voiced_phonemes) == (3, "audformat", 9)


def test_columns_of_other_tables_say_more_of_the_same_files(tmp_path: Path) -> None:
    turned = [*SPEAKERS[::-1], {"path": "c.wav", "speaker": "s9"}]
    save(tmp_path, {"labels": EMOTIONS, "files": turned, "text": column("transcription", *"abcd")})
    annotations = load(tmp_path)
    assert {u.id: (u.speaker, u.transcript) for u in annotations.utterances} == {
        "one": ("s1", "a"),
        "two": ("s2", "b"),
        "three": ("s3", "c"),
        "four": ("s4", "d"),
    }


def test_codes_of_a_transcript_become_text(tmp_path: Path) -> None:
    texts = {"a01": "Der Lappen", "a02": "Das will sie"}
    rows = [row | {"transcript": code} for row, code in zip(ROWS, ("a01", "a02", "a02", "a01"), strict=True)]
    save(tmp_path, {"utterances": rows}, labels={"transcript": texts})
    assert [u.transcript for u in load(tmp_path).utterances] == [texts[code] for code in ("a01", "a01", "a02", "a02")]


def test_the_class_set_is_in_the_order_of_the_scheme_s_labels(tmp_path: Path) -> None:
    save(tmp_path, {"utterances": ROWS}, labels={"emotion": ["neutral", "joy", "anger"]})
    assert load(tmp_path).emotions == ("joy", "anger")
    assert load(tmp_path, emotions="anger,joy").emotions == ("anger", "joy")


def test_codes_of_speakers_may_be_rows_of_a_table_without_files(tmp_path: Path) -> None:
    import audformat
    import pandas

    database = make_database({"utterances": EMOTIONS})
    index = pandas.Index([3, 8, 9, 10], dtype="Int64", name="speaker")
    database["people"] = audformat.MiscTable(index)
    database["people"]["age"] = audformat.Column()
    database["people"]["age"].set([31, 34, 21, 32])
    database.schemes["speaker"] = audformat.Scheme("int", labels="people")
    database["utterances"]["speaker"] = audformat.Column(scheme_id="speaker")
    database["utterances"]["speaker"].set([3, 8, 9, 10])
    database.save(str(tmp_path), storage_format="csv")
    for seed, row in enumerate(FILES):
        write_wav(tmp_path / str(row["path"]), seed=seed)
    assert {u.id: u.speaker for u in load(tmp_path).utterances} == {"one": "3", "two": "8", "three": "9", "four": "10"}


def test_segments_are_the_audio_between_their_times(tmp_path: Path) -> None:
    places = (("x.wav", 0.0, 0.25), ("x.wav", 0.25, None), ("y.wav", 0.125, 0.375), ("z.wav", 0.0, None))
    rows = [
        {"path": path, "start": start, "end": end, "speaker": f"s{number}", "emotion": "joy"}
        for number, (path, start, end) in enumerate(places)
    ]
    root = save(tmp_path, {"utterances": rows})
    annotations = load(root)
    assert {u.id: (u.path.name, u.start_s, u.end_s) for u in annotations.utterances} == {
        "x_0-0.25": ("x.wav", 0.0, 0.25),
        "x_0.25-end": ("x.wav", 0.25, None),
        "y_0.125-0.375": ("y.wav", 0.125, 0.375),
        "z": ("z.wav", None, None),
    }
    durations_s = load_corpus("audformat", root)
    assert dict(zip((u.id for u in durations_s.utterances), durations_s.durations_s, strict=True)) == {
        "x_0-0.25": 0.25,
        "x_0.25-end": 0.25,
        "y_0.125-0.375": 0.25,
        "z": 0.5,
    }


def test_a_column_of_files_says_more_of_their_segments(tmp_path: Path) -> None:
    rows = [{"path": "a/one.wav", "start": start, "end": None, "emotion": "joy"} for start in (0.1, 0.2)]
    save(tmp_path, {"segments": rows, "files": SPEAKERS})
    assert [u.speaker for u in load(tmp_path).utterances] == ["s1", "s1"]


def test_the_tables_of_a_split_are_read_together(tmp_path: Path) -> None:
    parts = {"train": EMOTIONS[:2], "dev": EMOTIONS[2:3], "test": EMOTIONS[3:]}
    tables = {f"emotion.{part}": rows for part, rows in parts.items()}
    root = save(tmp_path, tables | {"files": SPEAKERS}, split_of={f"emotion.{part}": part for part in parts})
    annotations = load(root, table="emotion.train, emotion.dev,emotion.test")
    assert {u.id: (u.split, u.speaker) for u in annotations.utterances} == {
        "one": ("training", "s1"),
        "two": ("training", "s2"),
        "three": ("validation", "s3"),
        "four": ("test", "s4"),
    }


def test_two_tables_with_emotions_are_listed_with_all_columns(tmp_path: Path) -> None:
    root = save(tmp_path, {"gold": EMOTIONS, "raw": EMOTIONS, "files": SPEAKERS})
    with pytest.raises(ConfigurationError) as caught:
        load(root)
    assert str(caught.value) == (
        "corpus audformat, a column of emotions is in 2 tables (gold, raw); name the table with option table, the "
        "column with option emotion; available tables and columns: files (speaker); gold (emotion); raw (emotion)"
    )
    assert len(load(root, table="raw").utterances) == 4
    assert load(root, emotion="raw.emotion").notes[0].startswith("columns used: emotion from raw.emotion")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"table": "golden"},
            r"option table: unknown table 'golden' \(did you mean 'gold'\?\); valid: files, gold, more",
        ),
        ({"emotion": "feeling"}, "option emotion: 'feeling' is in no table; .*available tables and columns: files "),
        ({}, "a column of speakers for table gold could be any of files.speaker, more.speaker; name it with option"),
        ({"speaker": "person"}, "option speaker: 'person' is in no table"),
        ({"speaker": "files.speaker", "words": "words"}, "option words: 'words' is in no table"),
        ({"table": "files"}, "a column of emotions for table files is in no table"),
    ],
)
def test_an_ambiguous_choice_is_an_error_that_lists_options(
    tmp_path: Path, options: dict[str, str], message: str
) -> None:
    root = save(tmp_path, {"gold": EMOTIONS, "files": SPEAKERS, "more": SPEAKERS})
    with pytest.raises(ConfigurationError, match=message) as caught:
        load(root, **options)
    assert "files (speaker); gold (emotion); more (speaker)" in str(caught.value)


def test_an_optional_column_that_could_be_two_is_left_and_noted(tmp_path: Path) -> None:
    words = column("words", 1, 2, 3, 4)
    root = save(tmp_path, {"gold": EMOTIONS, "files": SPEAKERS, "a": words, "b": words})
    annotations = load(root)
    assert {u.words for u in annotations.utterances} == {None}
    assert (
        "no column used for words: it could be any of a.words, b.words (choose with option words)" in annotations.notes
    )
    assert [u.words for u in load(root, words="b.words").utterances] == [4, 1, 3, 2]


def test_a_column_is_found_by_the_name_of_its_scheme(tmp_path: Path) -> None:
    database = make_database({"utterances": ROWS})
    table = database["utterances"]
    for old, new in (("emotion", "gold"), ("speaker", "person")):
        table[new] = table[old].__class__(scheme_id=old)
        table[new].set(table[old].get())
        table.drop_columns(old, inplace=True)
    database.save(str(tmp_path), storage_format="csv")
    for seed, row in enumerate(FILES):
        write_wav(tmp_path / str(row["path"]), seed=seed)
    assert [(u.emotion, u.speaker) for u in load(tmp_path).utterances][:2] == [("anger", "s4"), ("joy", "s1")]


def test_rows_that_cannot_be_used_are_listed(tmp_path: Path) -> None:
    rows = [dict(row) for row in ROWS]
    rows[0]["emotion"] = None
    root = write_database(tmp_path, rows)
    (root / "a" / "two.wav").unlink()
    annotations = load(root)
    assert [skipped.name for skipped in annotations.skipped] == ["table utterances, row 1", "table utterances, row 2"]
    assert annotations.skipped[0].reason == (
        f"{root / 'db.yaml'}, table utterances, row 1: expected a value for 'emotion', found none"
    )


def test_languages_are_codes_of_two_letters(tmp_path: Path) -> None:
    for code, expected in (("pol", "pl"), ("zxx", "und")):
        save(tmp_path / code, {"utterances": ROWS}, language=code)
        assert load(tmp_path / code).language == expected
        assert load(tmp_path / code, language="fr").language == "fr"


def _fired(path: str) -> None:
    Path(path).write_text("code of the corpus ran")


class _Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return _fired, (str(self.path),)


def test_a_pickled_table_is_never_opened(tmp_path: Path) -> None:
    root = write_database(tmp_path / "db", ROWS)
    (root / "db.utterances.pkl").write_bytes(pickle.dumps(_Bomb(tmp_path / "fired")))
    annotations = load(root)
    assert len(annotations.utterances) == 4
    assert "pickled tables ignored, since a pickle can run code: db.utterances.pkl" in annotations.notes
    (root / "db.utterances.csv").unlink()
    with pytest.raises(
        AnnotationError, match=r"db\.utterances\.csv or db\.utterances\.parquet; its pickled form is not"
    ):
        load(root)
    assert not (tmp_path / "fired").exists()


@pytest.mark.parametrize("name", ["a/../../../evil", "../evil", "/tmp/evil", "a\\\\..\\\\evil", "a\\n"])
def test_table_names_may_not_leave_the_folder(tmp_path: Path, name: str) -> None:
    root = write_database(tmp_path / "db", ROWS)
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps(_Bomb(tmp_path / "fired")))
    (root / "db.a").mkdir()
    header = (root / "db.yaml").read_text()
    (root / "db.yaml").write_text(header.replace("  utterances:", f'  "{name}":'))
    with pytest.raises(AnnotationError, match=r"db\.yaml: expected table names without '/'"):
        load(root)
    assert not (tmp_path / "fired").exists()


def test_a_name_with_dots_finds_no_pickle_beside_its_table(tmp_path: Path) -> None:
    rows = [row | {"speaker": str(row["speaker"])} for row in ROWS]
    root = save(tmp_path / "db", {"a.b": rows})
    for path in (root / "db.a.b.pkl", root / "db.a.pkl", tmp_path / "table.pkl"):
        path.write_bytes(pickle.dumps(_Bomb(tmp_path / "fired")))
    assert len(load(root).utterances) == 4
    assert not (tmp_path / "fired").exists()


def test_a_table_that_is_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    root = write_database(tmp_path / "db", ROWS)
    (root / "db.utterances.csv").rename(tmp_path / "outside.csv")
    (root / "db.utterances.csv").symlink_to(tmp_path / "outside.csv")
    with pytest.raises(AnnotationError, match=r"expected table 'utterances' in its folder, found a link to .*outside"):
        load(root)


def test_files_of_a_table_may_not_leave_the_folder(tmp_path: Path) -> None:
    write_wav(tmp_path / "outside.wav", seed=7)
    rows = [*ROWS, {"path": "../outside.wav", "speaker": "s5", "emotion": "joy"}]
    annotations = load(write_database(tmp_path / "db", rows))
    assert [utterance.speaker for utterance in annotations.utterances] == ["s4", "s1", "s3", "s2"]
    assert "in the corpus's folder, found" in annotations.skipped[0].reason


def test_a_header_runs_no_code(tmp_path: Path) -> None:
    root = write_database(tmp_path / "db", ROWS)
    header = (root / "db.yaml").read_text()
    (root / "db.yaml").write_text(f"{header}meta: !!python/object/apply:pathlib.Path.touch ['{tmp_path / 'fired'}']\n")
    with pytest.raises(AnnotationError, match=r"db\.yaml, line \d+: expected plain YAML"):
        load(root)
    assert not (tmp_path / "fired").exists()


def test_reading_leaves_the_database_as_it_is(tmp_path: Path) -> None:
    root = write_database(tmp_path, ROWS)
    (root / "db.utterances.pkl").write_bytes(b"damaged")
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    load(root)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("db.yaml", "tables: [", r"db\.yaml, line \d+: expected plain YAML"),
        ("db.yaml", "- 1\n", r"db\.yaml, line 1: expected the header of an audformat database"),
        (
            "db.yaml",
            "name: x\nusage: y\n",
            r"db\.yaml: expected the header of an audformat database \(KeyError: 'source'\)",
        ),
        ("db.yaml", "name: x\nsource: y\nusage: z\n", "expected the header of an audformat database .*'z'"),
        ("db.utterances.csv", "", r"db\.utterances\.csv: expected table 'utterances' of its header"),
        ("db.utterances.csv", "file,speaker\na,b\n", "expected table 'utterances' of its header"),
    ],
)
def test_a_damaged_file_is_named_in_one_line(tmp_path: Path, name: str, content: str, message: str) -> None:
    root = write_database(tmp_path, ROWS)
    (root / name).write_text(content)
    with pytest.raises(AnnotationError, match=message) as caught:
        load(root)
    assert len(str(caught.value).splitlines()) == 1


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_gives_annotations_or_our_error(tmp_path: Path, data: st.DataObject) -> None:
    root = tmp_path / "db"
    if not root.exists():
        write_database(root, ROWS)
        for name in ("db.yaml", "db.utterances.csv"):
            (tmp_path / name).write_bytes((root / name).read_bytes())
    for name in ("db.yaml", "db.utterances.csv"):
        (root / name).write_bytes((tmp_path / name).read_bytes())
    path = root / data.draw(st.sampled_from(["db.yaml", "db.utterances.csv"]))
    content = path.read_bytes()
    begin = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(begin, min(len(content), begin + 30)))
    path.write_bytes(content[:begin] + data.draw(st.binary(max_size=4)) + content[end:])
    errors: list[SerError] = []
    try:
        load(root)
    except SerError as error:
        errors.append(error)
    assert all(len(str(error).splitlines()) == 1 for error in errors)


def test_without_the_package_the_error_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_database(tmp_path, ROWS)
    monkeypatch.setattr(files, "find_spec", lambda name: None)
    with pytest.raises(
        CorpusError, match=r"package audformat, which is missing: pip install 'ser-studies\[audformat\]'"
    ):
        load(root)


def test_the_package_is_imported_for_its_databases_alone() -> None:
    import subprocess

    code = "import sys, ser.corpora; print([name for name in ('audformat', 'pandas', 'yaml') if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
