"""A study file names the very study that the command's options name, and its errors name the line."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.main import get_command
from typer.testing import CliRunner

from ser.errors import ConfigurationError, StudyError
from studies.cli.main import app
from studies.planning.plan import StudyPlan
from studies.planning.study_file import format_study_file, read_study_file
from studies.planning.study_keys import StudyKeys, options_of_keys
from studies.planning.study_name import study_name

RUN = get_command(app).commands["study"].commands["run"]
GRID = "corpus: emodb\nattention: quantum\n"


def subsets(*values: Any) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=1, unique=True)


SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "epochs": st.integers(1, 99),
        "ema_decay": st.sampled_from([None, 0.95]),
        "learning_rate": st.floats(1e-5, 0.1),
        "normalisation": st.sampled_from(["zscore_training", "minmax_utterance"]),
        "precision": st.sampled_from(["fp32", "bf16"]),
    },
)
COMMON = {
    "corpus_set": st.dictionaries(st.sampled_from(["name", "part"]), st.sampled_from(["off", "no", "12", "a: b #c"])),
    "baseline": st.booleans(),
    "labels": subsets("words", "phonemes", "phonemes_x2", "utterance"),
    "scope": subsets(3, 9, 21),
    "features": subsets("log_mel", "log_mel_prosody", "opensmile:eGeMAPSv02"),
    "criterion": st.sampled_from(["ctc", "cross_entropy", "joint"]),
    "folds": st.sampled_from(["speaker", "session", "groups:5"]),
    "seeds": st.integers(1, 4),
    "set": SETTINGS,
}
SEARCH = {"trials": st.integers(1, 30), "pruner": st.sampled_from(["none", "median", "wilcoxon"])}
ATTENTIONS = subsets("none", "local", "component", "quantum", "all")


def studies(recipes: list[str], optional: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    required = {"corpus": st.sampled_from(["emodb", "iemocap"]), "attention": ATTENTIONS}
    return st.fixed_dictionaries(required | {"recipe": st.sampled_from(recipes)}, optional=optional)


STUDIES = studies(["paper", "recommended", "quick"], COMMON) | studies(["extended"], COMMON | SEARCH)


def words_of(keys: StudyKeys) -> list[str]:
    """The command's words that ask for a study, written without the code under test."""
    words: list[str] = []
    for key, value in keys.items():
        option = "--" + key.replace("_", "-")
        if isinstance(value, bool):
            words += ["--baseline" if value else "--no-baseline"]
        elif isinstance(value, dict):
            pairs = ((name, "off" if setting is None else setting) for name, setting in value.items())
            words += [word for name, setting in pairs for word in (option, f"{name}={setting}")]
        else:
            words += [word for item in (value if isinstance(value, list) else [value]) for word in (option, str(item))]
    return words


@settings(max_examples=50, deadline=None)
@given(keys=STUDIES)
def test_file_options_and_python_name_one_study(keys: StudyKeys, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("study")
    plan = StudyPlan.from_options(options_of_keys(keys))
    name = study_name(plan, "c0ffee", "cpu")
    # A user writes `ema_decay: off`, for which YAML has a boolean.
    typed = yaml.safe_dump({**keys}).replace(" null", " off")
    (folder / "typed.yaml").write_text(typed)
    (folder / "shown.yaml").write_text(format_study_file(name, plan, "/corpora/emodb"))
    taken: list[StudyPlan] = []

    def catch(plan: StudyPlan, *arguments: object) -> None:
        taken.append(plan)
        raise StudyError("caught")

    ways = (words_of(keys), ["--file", str(folder / "typed.yaml")], ["--file", str(folder / "shown.yaml")])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("studies.cli.study.run.run_study", catch)
        for words in ways:
            options = RUN.make_context("run", ["--root", "x", "--home", str(folder), *words])
            with pytest.raises(StudyError, match="caught"):
                RUN.invoke(options)
    assert [study_name(way, "c0ffee", "cpu") for way in taken] == [name] * 3
    assert {way.trials for way in taken} == {plan.trials}


def test_a_shown_file_holds_the_folder_of_its_corpus(tmp_path: Path) -> None:
    plan = StudyPlan.from_options(
        options_of_keys({"corpus": "emodb", "attention": "local", "seeds": 3, "set": {"epochs": 3}})
    )
    path = tmp_path / "study.yaml"
    path.write_text(format_study_file("emodb-1", plan, "/a: b/#c"))
    assert path.read_text().splitlines()[:3] == [
        "# Study emodb-1. Run or resume it: ser study run --file FILE",
        "corpus: emodb",
        "root: '/a: b/#c'",
    ]
    assert "set: {epochs: 3}" in path.read_text()
    assert "!!" not in path.read_text()
    assert read_study_file(path).root == Path("/a: b/#c")


@pytest.mark.parametrize(
    ("text", "line", "complaint"),
    [
        (f"{GRID}label: words\n", 3, "unknown key 'label' (did you mean 'labels'?)"),
        (f"{GRID}labels:\n- words\n- phonems\n", 5, "unknown labels 'phonems' (did you mean 'phonemes'?)"),
        (f"{GRID}set:\n  epochs: 3\n  cell: 4\n", 5, "unknown setting 'cell'"),
        (f"{GRID}set: {{epochs: many}}\n", 3, "epochs"),
        (f"{GRID}scope: [9, 8]\n", 3, "scope 8 is not an odd number of frames"),
        (f"{GRID}seeds: two\n", 3, "seeds: expected a whole number, got two"),
        (f"{GRID}seeds: 0\n", 3, "--seeds must be 1 or more"),
        (f"{GRID}baseline: maybe\n", 3, "baseline: expected true or false, got maybe"),
        (f"{GRID}trials: 4\nrecipe: quick\n", 3, "--trials applies to recipe 'extended' only"),
        (f"{GRID}corpus: demo\n", 3, "corpus stands on line 1 already"),
        (f"{GRID}folds:\n", 3, "expected a value"),
        (f"{GRID}set: epochs\n", 3, "set: expected names with values"),
        (f"{GRID}recipe: [quick]\n", 3, "expected one value"),
        (f"{GRID}folds: !!python/name:os.system x\n", 3, "expected a value without the tag"),
        ("attention: quantum\ncorpus: emobd\n", 2, "unknown corpus 'emobd' (did you mean 'emodb'?)"),
        ("attention: quantum\n  corpus: [\n", 2, "expected YAML: mapping values are not allowed here"),
        ("- quantum\n", 1, "expected keys with values"),
        ("", 1, "expected keys with values"),
    ],
)
def test_an_error_names_file_and_line(text: str, line: int, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as error:
        read_study_file(path)
    assert str(error.value).startswith(f"{path}, line {line}: ")
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"corpus: emodb\n", "expected the key attention"),
        (b"corpus: \xff\n", "expected text in UTF-8"),
        (None, "cannot be read (No such file or directory)"),
    ],
)
def test_an_error_of_a_whole_file_names_it(content: bytes | None, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"study\.yaml") as error:
        read_study_file(path)
    assert complaint in str(error.value)


def test_a_tag_makes_no_object(tmp_path: Path) -> None:
    path, made = tmp_path / "study.yaml", tmp_path / "made"
    path.write_text(f"attention: !!python/object/apply:os.mkdir ['{made}']\n")
    with pytest.raises(ConfigurationError):
        read_study_file(path)
    assert not made.exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--labels", "words", "--no-baseline"], "names the whole study; leave out --no-baseline, --labels"),
        (["--set", "epochs=2"], "leave out --set"),
        (None, "expected --attention, such as --attention quantum, or --file study.yaml"),
    ],
)
def test_a_study_is_named_in_one_way(words: list[str] | None, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text("attention: quantum\n")
    named = [] if words is None else ["--file", str(path), *words]
    answer = CliRunner().invoke(app, ["study", "run", "--home", str(tmp_path), *named])
    assert answer.exit_code == 1
    assert complaint in answer.output
