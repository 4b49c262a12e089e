import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from mlflow.utils.search_utils import SearchUtils

from ser.errors import ConfigurationError
from tests.support.toy_studies import NONE, MlflowFixture
from tracking.backend.queries import RUNNING, has_tags, quote_value, search_runs

AWKWARD = st.text(st.one_of(st.sampled_from("'\"\\` ;-/*()=%\n"), st.characters(codec="utf-8")))


@given(AWKWARD)
@example("o'brien")
@example("ends in a backslash \\")
@example("' and tags.`ser.kind` = 'trial")
def test_mlflow_reads_a_quoted_text_as_it_was(text: str) -> None:
    assume(not ("'" in text or text.endswith("\\")) or '"' not in text)
    read = SearchUtils.parse_search_filter(has_tags({"ser.study": text, "ser.kind": "fold"}))
    assert [(condition["key"], condition["value"]) for condition in read] == [("ser.study", text), ("ser.kind", "fold")]


@pytest.mark.parametrize("text", ['o\'brien "junior"', '"\\'])
def test_a_text_that_cannot_be_quoted_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="a name with a double quote must neither"):
        quote_value(text)


@pytest.mark.parametrize(
    "study", ["o'brien", 'the "first"', "a\\", "a and b", "x' and tags.`ser.kind` = 'trial", 'o\'brien "junior"', '"\\']
)
def test_runs_of_a_study_with_an_awkward_name_are_found(store: MlflowFixture, study: str) -> None:
    store.write_trial(NONE, study=study, folds=1)
    store.write_trial(NONE, study="another")
    store.recorder(study).finish_study(store.recorder(study).ensure_study_run(), complete=True)
    assert [run.info.run_name for run in store.runs(ser__study=study, ser__kind="study")] == [study]
    assert len(search_runs(store.client, store.experiment, RUNNING, ser__study=study)) == 1
    assert search_runs(store.client, store.experiment, RUNNING, ser__study=f"{study} more") == []
