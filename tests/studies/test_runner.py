"""End of a study's run: which baselines reach its run in the tracking store."""

import pytest

from ser.results import BaselineResult
from studies.baselines import StudyBaselines
from studies.runner import finish_study
from tests.support.toy_studies import MlflowFixture, baseline
from tracking.results.fetching import download_baselines

OF_AUDIO = baseline().model_copy(update={"functionals": "functionals"})


@pytest.mark.parametrize(
    ("has_new", "recorded"), [(True, [baseline(), OF_AUDIO]), (False, [baseline()])], ids=["new", "trained before"]
)
def test_new_baselines_of_a_finished_study_are_recorded(
    store: MlflowFixture, has_new: bool, recorded: list[BaselineResult]
) -> None:
    recorder = store.recorder()
    study = recorder.ensure_study_run()
    finish_study(recorder, study, StudyBaselines((baseline(),), has_new=False), complete=True)
    end = store.client.get_run(study).info.end_time
    finish_study(recorder, study, StudyBaselines((baseline(), OF_AUDIO), has_new), complete=True)
    run = store.client.get_run(study)
    assert list(download_baselines(store.client, run)) == recorded
    assert (run.info.status, run.info.end_time) == ("FINISHED", end)
