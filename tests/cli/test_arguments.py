from pathlib import Path

import pytest

from ser.errors import StudyError
from studies.cli.arguments import find_study_in
from studies.planning.options import StudyOptions
from studies.planning.plan import StudyPlan
from studies.planning.study_name import study_name
from studies.search.optuna_study import OptunaStudy
from studies.search.summaries import list_studies
from studies.storages.home import Home

DIGEST = "0" * 32


def plan(corpus: str, **options: str) -> StudyPlan:
    return StudyPlan.from_options(
        StudyOptions(corpus=corpus, recipe="quick", attentions=("none",), corpus_options=options)
    )


@pytest.fixture
def home(tmp_path: Path, empty_search: Path) -> Home:
    """Studies of two manifests by name, of one without, and of the demo corpus, all started."""
    data_home = Home(tmp_path)
    (tmp_path / "optuna.db").write_bytes(empty_search.read_bytes())
    for study_plan in (plan("manifest", name="plays"), plan("manifest", name="talks"), plan("demo")):
        search = OptunaStudy.open(data_home.storage, study_name(study_plan, DIGEST, "cpu"), study_plan)
        search.start_trial(search.points("fp32")[0])
    return data_home


def test_the_name_given_to_a_table_is_the_corpus_of_its_study() -> None:
    assert plan("manifest", name="plays").corpus_name == "plays"
    assert plan("manifest").corpus_name == "manifest"
    names = [study_name(plan("manifest", name=name), DIGEST, "cpu") for name in ("plays", "talks")]
    assert [name.partition("-")[0] for name in names] == ["plays", "talks"]


@pytest.mark.parametrize(("corpus", "expected"), [("plays", "plays"), ("talks", "talks"), ("demo", "demo")])
def test_a_study_is_found_by_the_name_of_its_corpus(home: Home, corpus: str, expected: str) -> None:
    assert find_study_in(list_studies(home.storage), home, None, corpus).plan.corpus_name == expected


def test_a_way_of_reading_selects_any_corpus_read_that_way(home: Home) -> None:
    assert find_study_in(list_studies(home.storage), home, None, "manifest").plan.corpus == "manifest"


def test_a_name_that_no_study_has_is_refused(home: Home) -> None:
    with pytest.raises(
        StudyError, match=r"there is no study of corpus songs in .*; its studies are of demo, plays, talks$"
    ):
        find_study_in(list_studies(home.storage), home, None, "songs")
