"""Classical baselines of a study: one of each kind, trained once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ser.corpora.corpus import Corpus
from ser.feature_settings import LogMelProsodySettings, LogMelSettings
from ser.features.builder import build_store_if_missing
from ser.folds import speaker_folds
from ser.results import BASELINES_VERSION, FRAME_STATISTICS
from studies import baselines
from studies.baselines import BASIC, baseline_inputs, check_opensmile, train_baselines, without_untrained_opensmile
from studies.cli.study import run
from studies.cli.study.commands import RunOptions
from studies.planning.options import StudyOptions
from studies.planning.plan import StudyPlan
from studies.storages.home import Home
from tests.support.toy_corpus import write_corpus
from tests.support.toy_studies import baseline
from tracking.results.baselines import BaselineStore

Progress = Callable[[int, int], None]


def plan_of(*features: str, **overrides: str) -> StudyPlan:
    options = StudyOptions(corpus="demo", recipe="quick", attentions=("none",), features=features, overrides=overrides)
    return StudyPlan.from_options(options)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return write_corpus(tmp_path_factory.mktemp("audio"), each=2)


def test_each_front_end_has_a_baseline_and_audio_one(corpus: Corpus) -> None:
    scheme = speaker_folds(corpus, "partner")
    inputs = baseline_inputs(plan_of("log_mel", "log_mel_prosody"), scheme, BASIC)
    assert inputs == [
        (scheme, "zscore_speaker", LogMelSettings(), FRAME_STATISTICS),
        (scheme, "zscore_speaker", LogMelProsodySettings(), FRAME_STATISTICS),
        (scheme, "zscore_speaker", LogMelSettings(), "functionals"),
    ]
    assert len(baseline_inputs(plan_of("log_mel"), scheme)) == 4


def test_functionals_follow_the_normalisation_of_frames(corpus: Corpus) -> None:
    scheme = speaker_folds(corpus, "partner")
    inputs = baseline_inputs(plan_of(normalisation="minmax_utterance"), scheme, BASIC)
    assert [(normalisation, functionals) for _, normalisation, _, functionals in inputs] == [
        ("minmax_utterance", FRAME_STATISTICS),
        ("zscore_training", "functionals"),
    ]


def test_baselines_are_trained_once(corpus: Corpus, tmp_path: Path) -> None:
    scheme, results = speaker_folds(corpus, "partner"), BaselineStore(tmp_path / "results")
    stores = {LogMelSettings(): build_store_if_missing(corpus, LogMelSettings(), tmp_path)}
    inputs, titles = baseline_inputs(plan_of("log_mel"), scheme, BASIC), list[str]()
    steps: list[tuple[int, int]] = []

    def open_bar(title: str) -> Progress:
        titles.append(title)
        return lambda done, total: steps.append((done, total))

    trained, has_new = train_baselines(corpus, stores, inputs, results, open_bar)
    assert has_new
    versions = [(baseline.version, baseline.frames_version) for baseline in trained]
    assert versions == [(BASELINES_VERSION, LogMelSettings.frames_version), (BASELINES_VERSION, 1)]
    bars = ["logistic regression on means and deviations", "logistic regression on functionals"]
    assert titles == bars
    total = len(corpus.utterances) + len(scheme)
    assert steps[-total:] == [(step, total) for step in range(1, total + 1)]
    assert train_baselines(corpus, stores, inputs, results, open_bar) == (trained, False)
    assert titles == bars
    # Earlier versions fixed the penalty.
    results = BaselineStore(tmp_path / "former")
    former = trained[0].model_copy(
        update={"inverse_penalties": (), "validations": (), "version": 1, "frames_version": 1}
    )
    results.put(former)
    assert results.find(corpus.digest, *inputs[0]) == former
    assert train_baselines(corpus, stores, inputs[:1], results, open_bar) == (trained[:1], True)


def test_opensmile_counts_where_it_was_trained_before(corpus: Corpus, tmp_path: Path) -> None:
    scheme, results = speaker_folds(corpus, "partner"), BaselineStore(tmp_path)
    inputs = baseline_inputs(plan_of("log_mel"), scheme)
    assert [key[-1] for key in without_untrained_opensmile(inputs, corpus.digest, results)] == list(BASIC)
    update = {"corpus": corpus.identity, "folds": scheme, "features": LogMelSettings(), "functionals": "eGeMAPSv02"}
    chosen = {"inverse_penalties": (1.0,) * len(scheme), "version": BASELINES_VERSION}
    results.put(baseline().model_copy(update=update | chosen))
    names = [key[-1] for key in without_untrained_opensmile(inputs, corpus.digest, results)]
    assert names == [*BASIC, "eGeMAPSv02"]


def test_baselines_without_their_package_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "find_spec", lambda name: None)
    assert "eGeMAPSv02 and ComParE_2016 are left out: they need the package opensmile" in check_opensmile()
    monkeypatch.setattr(baselines, "find_spec", lambda name: object())
    assert check_opensmile() == ""


@pytest.mark.parametrize("asked", [True, False])
def test_baselines_of_opensmile_are_trained_where_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: bool
) -> None:
    resources: list[run.Resources] = []

    def stop(plan: StudyPlan, root: Path | None, home: Home, given: run.Resources) -> None:
        resources.append(given)
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "run_and_report", stop)
    with pytest.raises(KeyboardInterrupt):
        run.run(RunOptions(attention=["none"], home=tmp_path, opensmile_baselines=asked))
    assert [given.opensmile_baselines for given in resources] == [asked]
