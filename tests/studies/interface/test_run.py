"""A study is named in one way from Python, too, and its results need a study."""

from pathlib import Path
from typing import Any

import pytest

import ser
import studies
from ser.errors import ConfigurationError, ModelError, StudyError


@pytest.mark.parametrize(
    ("file", "keys", "complaint"),
    [
        (None, {}, "expected attention, such as attention='quantum', or a study file"),
        ("study.yaml", {"labels": "words", "seeds": 2}, "names the whole study; leave out labels, seeds"),
        (None, {"attention": "quantun"}, "unknown attention 'quantun' (did you mean 'quantum'?)"),
        (None, {"attention": "quantum", "workers": 0}, "--workers must be 1 or more, got 0"),
        (None, {"attention": "quantum", "corpus": "emodb"}, "corpus emodb needs its folder"),
    ],
)
def test_what_names_no_study_is_refused(file: str | None, keys: Any, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("attention: quantum\n")
    with pytest.raises(ConfigurationError) as error:
        studies.run(None if file is None else tmp_path / file, home=tmp_path, **keys)
    assert complaint in str(error.value)


def test_a_key_that_no_study_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="unknown key 'label'"):
        studies.run(home=tmp_path, attention="quantum", label="words")  # type: ignore[call-arg]


def test_results_need_a_study(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="there is no study of corpus demo"):
        studies.results("demo", home=tmp_path)


def test_a_tilde_is_the_home_folder_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "study.yaml").write_text("attention: quantun\n")
    with pytest.raises(ConfigurationError, match="line 1: unknown attention 'quantun'"):
        studies.run("~/study.yaml", home=tmp_path)
    with pytest.raises(ModelError, match=str(tmp_path / "model")):
        ser.load_model("~/model")
