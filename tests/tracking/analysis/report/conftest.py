"""Two reports, written once for all tests that read them."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.support.scored_trials import EMOTIONS, World, baseline, configuration, study_table, trial, with_more
from tracking.analysis.comparison.overview import Analysis, analyse
from tracking.analysis.report import write_report
from tracking.analysis.report_context import ParameterImportances, ReportContext, StudyInfo
from tracking.analysis.results_table import ResultsTable

HOSTILE = "<script>document.title='hit'</script><img src=x onerror=alert(1)> $\\frac{ [a](javascript:1) =1+1"
STUDY = StudyInfo("ser study run --root '/a b'", 6, 4, commit="0123456789abcdef", dirty=True, running=True)
IMPORTANCES = {"labels": 0.5, "attention": 0.3, "criterion": 0.2}


@dataclass(frozen=True)
class WrittenReport:
    """A report, and what it was written from."""

    analysis: Analysis
    page: Path


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> WrittenReport:
    """All attentions and two strategies with two scopes; one variant capped, one partial, one without folds."""
    world = World()
    more = (
        trial(world, configuration("none", criterion="cross_entropy"), 0.55),
        trial(world, configuration("component", scope=11, labels="words"), 0.7, folds=[0, 1, 2]),
        trial(world, configuration("quantum", labels="phonemes_x2"), 0.6, capped=40),
        trial(world, configuration("local", labels="utterance"), folds=[]),
    )
    analysis = analyse(with_more(study_table(world), *more))
    context = ReportContext({"demo-quick-none": STUDY}, (ParameterImportances("all trials", 15, IMPORTANCES),))
    return WrittenReport(analysis, write_report(analysis, tmp_path_factory.mktemp("report"), context))


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> WrittenReport:
    """A report in which every name that a user chooses is an attack."""
    names = (HOSTILE, *(f"s{number}" for number in range(9)))
    world = World(names=names, emotions=(HOSTILE, *EMOTIONS[1:]), corpus=HOSTILE, per_speaker=8)
    trials = tuple(replace(scored, study=HOSTILE, recipe=HOSTILE) for scored in study_table(world).trials[:-1])
    logistic = baseline(world).model_copy(update={"name": HOSTILE})
    partial = trial(world, configuration("quantum", labels="utterance"), folds=[1], study=HOSTILE)
    analysis = analyse(with_more(ResultsTable(trials, (logistic,), (HOSTILE, "{{ 7 * 7 }}")), partial))
    study = StudyInfo(HOSTILE, 3, 2, HOSTILE, running=True)
    context = ReportContext({HOSTILE: study}, (ParameterImportances(HOSTILE, 9, {HOSTILE: 1.0}),))
    return WrittenReport(analysis, write_report(analysis, tmp_path_factory.mktemp("hostile"), context))
