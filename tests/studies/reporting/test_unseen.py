"""UA on unseen speakers from stored folds: chosen by validation, computed once, and missing with a reason."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ser.config import FoldConfiguration
from ser.features.builder import store_key
from ser.features.store_writer import StoreWriter
from ser.identity import RESULTS_VERSION
from ser.inference.few_recordings import decide_with_few_recordings
from ser.inference.scoring import training_normalisation
from ser.metrics import confusion_matrix, unweighted_accuracy
from ser.training.checkpoint import deserialize_fold, parse_result
from studies.reporting import unseen
from studies.reporting.unseen import RECORDINGS, UnseenRequest, score_unseen_speakers
from studies.storages.home import Home
from tests.support.scored_trials import scored_trial
from tests.support.toy_corpus import small, toy_store
from tests.support.toy_studies import CORPUS, SCHEME, trained, trial_result
from tracking.analysis.comparison.overview import Analysis, analyse
from tracking.analysis.report_context import UnseenSpeakers
from tracking.analysis.results_table import ResultsTable
from tracking.results.store import ResultStore

NONE = small(attention="none", epochs=2, normalisation="zscore_speaker")
QUANTUM = small(attention="quantum", epochs=2, normalisation="zscore_speaker")
STRANGER = small(attention="none", epochs=2, normalisation="zscore_training")
BEST, ALL = UnseenRequest(corpus=CORPUS), UnseenRequest(all_variants=True, corpus=CORPUS)


@dataclass
class Reported:
    """Home with a feature store, and the results of variants on disk."""

    home: Home

    def analysis(self, *configurations: FoldConfiguration) -> Analysis:
        results = ResultStore(self.home.results)
        for configuration in configurations:
            for fold in SCHEME:
                content = trained(configuration, fold.index)
                results.put(parse_result(content).identity, content)
        return analyse(ResultsTable(tuple(scored_trial(trial_result(c, "first", "")) for c in configurations)))

    def score(self, analysis: Analysis, request: UnseenRequest = BEST, **bars: Any) -> UnseenSpeakers:
        bar: Callable[..., Any] = bars.get("bar", lambda title: lambda done, total: None)
        return score_unseen_speakers(analysis, self.home, (), request, bar)


@pytest.fixture
def reported(tmp_path: Path) -> Reported:
    store, home = toy_store(CORPUS), Home(tmp_path)
    home.features.mkdir()
    writer = StoreWriter(home.features / store_key(CORPUS.digest, NONE.features), CORPUS, NONE.features)
    writer.begin(0)
    writer.write(0, [store.frames(index) for index in range(len(CORPUS.utterances))], 0.0)
    writer.finish()
    return Reported(home)


def test_ua_is_that_of_the_decisions_of_the_stored_folds(reported: Reported) -> None:
    analysis, store = reported.analysis(NONE), toy_store(CORPUS)
    speakers = [utterance.speaker for utterance in CORPUS.utterances]
    confusions = dict.fromkeys(RECORDINGS, np.zeros((3, 3), dtype=np.int64))
    for index in range(len(SCHEME)):
        fold = deserialize_fold(trained(NONE, index))
        training = training_normalisation(store, speakers, NONE, fold.result.fold.training_speakers)
        for count, decided in decide_with_few_recordings(fold, CORPUS, store, training, RECORDINGS).items():
            confusions[count] = confusions[count] + confusion_matrix(fold.result.test.actual, decided, 3)
    ((label, ua),) = reported.score(analysis).ua.items()
    assert label == analysis.variants[0].label
    assert ua == {count: unweighted_accuracy(confusion) for count, confusion in confusions.items()}
    # A speaker of the toy corpus has nine recordings.
    assert ua[16] == analysis.variants[0].scores.ua.mean
    assert len(set(ua.values())) > 1


def test_a_second_report_computes_nothing(reported: Reported, monkeypatch: pytest.MonkeyPatch) -> None:
    analysis = reported.analysis(NONE)
    titles: list[str] = []

    def bar(title: str) -> Callable[[int, int], None]:
        titles.append(title)
        return lambda done, total: None

    first = reported.score(analysis, bar=bar)
    assert titles == ["scoring unseen speakers"]
    assert {path.stem for path in reported.home.unseen.iterdir()} == {fold.identity for fold in analysis.all_folds()}
    monkeypatch.setattr(unseen, "_decide", lambda *_: pytest.fail("computed again"))
    assert reported.score(analysis, UnseenRequest()) == first


def test_validation_chooses_the_variant_and_a_request_adds_the_others(reported: Reported) -> None:
    analysis = reported.analysis(NONE, QUANTUM)
    best = max(analysis.variants, key=lambda variant: variant.validation_ua).label
    assert list(reported.score(analysis).ua) == [best]
    every = reported.score(analysis, ALL).ua
    assert next(iter(every)) == best
    assert every.keys() == {variant.label for variant in analysis.variants}


def test_what_is_reported_of_a_point_of_a_sweep_is_scored_too(reported: Reported) -> None:
    analysis = reported.analysis(
        *(small(attention="local", epochs=2, normalisation="zscore_speaker", scope=n) for n in (3, 5))
    )
    best, choice = reported.score(analysis).ua
    assert analysis.reported_winner is not None
    assert choice == analysis.reported_winner.label != best


def test_a_variant_that_asks_for_no_speaker_needs_no_frames(reported: Reported, tmp_path: Path) -> None:
    analysis = reported.analysis(STRANGER)
    elsewhere = Reported(Home(tmp_path / "elsewhere"))
    (ua,) = elsewhere.score(analysis, UnseenRequest()).ua.values()
    assert ua == dict.fromkeys(RECORDINGS, analysis.variants[0].scores.ua.mean)


def test_what_is_missing_is_said_in_one_line(reported: Reported) -> None:
    analysis = reported.analysis(NONE)
    no_corpus = reported.score(analysis, UnseenRequest())
    assert no_corpus.ua == {}
    assert no_corpus.notes == ("UA on unseen speakers is not computed: no study here says where corpus made-up is",)
    reported.home.features.rename(reported.home.root / "moved")
    no_store = reported.score(analysis)
    assert no_store.ua == {}
    (note,) = no_store.notes
    assert f"{reported.home.features}: no store of front end log_mel" in note
    assert "\n" not in note


def test_a_damaged_file_is_computed_again(reported: Reported) -> None:
    analysis = reported.analysis(NONE)
    first = reported.score(analysis)
    for path, content in zip(sorted(reported.home.unseen.iterdir()), ("", '{"format": 0, "decided": {}}'), strict=True):
        path.write_text(content)
    assert reported.score(analysis) == first
    assert reported.score(analysis, UnseenRequest()) == first


def test_a_home_that_cannot_be_written_shows_them_too(reported: Reported, monkeypatch: pytest.MonkeyPatch) -> None:
    analysis = reported.analysis(NONE)
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert reported.score(analysis).ua
    assert not reported.home.unseen.exists()


def test_folds_that_cannot_decide_again_are_left_out(reported: Reported) -> None:
    likelihood = small(attention="none", epochs=1, normalisation="zscore_speaker", decision="likelihood")
    (note,) = reported.score(reported.analysis(likelihood)).notes
    assert note.endswith("none · words: decision likelihood needs the word or phoneme counts of an utterance")
    (trial,) = reported.analysis(NONE).table.trials
    older = tuple(replace(fold, results_version=RESULTS_VERSION - 1) for fold in trial.folds)
    scores = reported.score(analyse(ResultsTable((replace(trial, folds=older),))))
    assert scores.ua == {}
    assert scores.notes[0].endswith("trained by another version of this program, with other features")
