"""The report on real speech, all attentions by three label strategies, as a browser shows it."""

import re
from pathlib import Path

import pytest
import torch

from ser.corpora.loading import load_corpus
from ser.feature_settings import LogMelSettings
from ser.features.builder import build_store_if_missing
from ser.features.store import FeatureStore
from ser.folds.leave_one_speaker_out import speaker_folds
from ser.identity import fold_identity, trial_identity
from ser.training.trainer import train_fold
from studies.planning.options import StudyOptions
from studies.planning.plan import StudyPlan
from tests.support.browser import headless_browser, visit
from tests.support.scored_trials import scored_trial
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.report import write_report
from tracking.analysis.results_table import ResultsTable
from tracking.analysis.trial_result import TrialResult

SENTENCES = ("a02", "b03")


@pytest.fixture(scope="module")
def table(emodb_root: Path, tmp_path_factory: pytest.TempPathFactory) -> ResultsTable:
    """Every point of the study on two sentences of all ten speakers, hardly trained: it is the page that is tested."""
    folder = tmp_path_factory.mktemp("emodb")
    for part in ("wav", "lablaut"):
        (folder / part).mkdir()
        for file in (emodb_root / part).iterdir():
            if file.name[2:5] in SENTENCES:
                (folder / part / file.name).symlink_to(file)
    corpus = load_corpus("emodb", folder)
    store = FeatureStore.open(build_store_if_missing(corpus, LogMelSettings(), folder / "store"))
    scheme = speaker_folds(corpus, "partner")
    plan = StudyPlan.from_options(
        StudyOptions(
            corpus="emodb",
            recipe="recommended",
            attentions=("all",),
            scopes=(9,),
            overrides={"cells": "2", "layers": "1", "epochs": "1"},
        )
    )
    trials = []
    for point in plan.points("fp32"):
        folds = [train_fold(corpus, store, point, fold, torch.device("cpu")).result for fold in scheme]
        identity = trial_identity([fold_identity(point, corpus.digest, fold, "cpu") for fold in scheme])
        trials.append(
            scored_trial(
                TrialResult(
                    study="all", recipe="recommended", trial_id=identity, scheme=tuple(scheme), folds=tuple(folds)
                )
            )
        )
    return ResultsTable(trials=tuple(trials))


@pytest.mark.slow
@pytest.mark.browser
def test_the_report_on_emodb_is_whole_in_a_browser(table: ResultsTable, tmp_path: Path) -> None:
    written = write_report(analyse(table), tmp_path)
    with headless_browser() as browser:
        for theme in ("light", "dark"):
            for width in (1280, 390):
                opened = visit(browser, written, width, theme)
                assert opened.complaints == []
                assert opened.requests == [written.as_uri()]
                assert opened.page.evaluate("document.documentElement.scrollWidth") == width
                opened.page.close()
        page = visit(browser, written).page
        page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        grid = page.locator("#attention_by_labels")
        assert grid.locator("thead tr.groups th").all_inner_texts() == ["words", "phonemes", "utterance"]
        assert [name.partition(" ")[0] for name in grid.locator("tbody th").all_inner_texts()] == [
            "none",
            "local",
            "component",
            "quantum",
        ]
        assert all(re.fullmatch(r"\d+\.\d", cell) for cell in grid.locator("tbody td").all_inner_texts())
        assert page.locator("#tests tbody tr").count() == 9
        assert page.locator("#folds_ua tbody td").count() == 12 * 10
        assert page.locator("#folds_ua").get_by_text("missing", exact=True).count() == 0
        for caveat in ("same-sentences", "transductive", "development", "one-seed", "overlapping-training"):
            assert page.locator(f"#caveats #about-{caveat}").count() == 1, caveat
        page.get_by_role("button", name="phonemes UA").click()
        shown = [float(cell) for cell in grid.locator("tbody td:nth-child(4)").all_inner_texts()]
        assert shown == sorted(shown, reverse=True)
