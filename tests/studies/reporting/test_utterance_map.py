"""Map of utterances: which frames belong to which utterance, and their principal components."""

from pathlib import Path

import numpy as np
import pytest

from ser.features.builder import store_key
from ser.features.store import METADATA, FeatureStore
from studies.reporting.utterance_map import MAX_UTTERANCES, draw_utterance_map, principal_components
from studies.storages.home import Home
from tests.support.scored_trials import World, configuration, table_of, trial
from tests.support.toy_corpus import write_store
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.report_context import UtteranceMap
from tracking.analysis.variants.scores import ScoredVariant

WORLD = World(per_speaker=8)
COUNT = 80


def variant_of(world: World, normalisation: str = "zscore_training") -> ScoredVariant:
    (variant,) = analyse(table_of(trial(world, configuration(normalisation=normalisation)))).variants
    return variant


@pytest.fixture(autouse=True)
def _frames_are_those_that_were_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studies.reporting.utterance_map.RESULTS_VERSION", variant_of(WORLD).provenance.results_version)


def store_folder(home: Home, variant: ScoredVariant) -> Path:
    return home.features / store_key(variant.predictions.corpus.digest, variant.configuration.features)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def draw(home: Home, variant: ScoredVariant, utterances: int = COUNT) -> UtteranceMap:
    """Map of utterances whose frames all equal the position of their utterance."""
    write_store(
        store_folder(home, variant),
        [np.outer(np.ones(3), [index, 0.0]).astype(np.float32) for index in range(utterances)],
    )
    drawn = draw_utterance_map(home, variant)
    assert isinstance(drawn, UtteranceMap)
    return drawn


def test_frames_belong_to_the_utterances_of_a_speaker_in_order(home: Home) -> None:
    variant = variant_of(WORLD)
    drawn = draw(home, variant)
    assert list(drawn.speakers) == sorted(drawn.speakers)
    assert list(drawn.utterances) == [
        f"{speaker}_{number:03d}" for speaker in WORLD.speaker_names() for number in range(8)
    ]
    # The longest axis is that of the positions.
    assert np.all(np.diff(drawn.points[:, 0]) > 0)
    actual = dict(zip(variant.predictions.utterances, variant.predictions.actual.tolist(), strict=True))
    assert list(drawn.emotions) == [WORLD.emotions[actual[name]] for name in drawn.utterances]
    assert sum(drawn.explained) == pytest.approx(1)


def test_speakers_are_standardised_where_the_variant_does(home: Home) -> None:
    variant = variant_of(WORLD, "zscore_speaker")
    drawn = draw(home, variant)
    for speaker in WORLD.speaker_names():
        points = drawn.points[[name == speaker for name in drawn.speakers]]
        assert points.mean(axis=0) == pytest.approx([0, 0], abs=1e-9)
    assert "standardised by the drawn utterances of each speaker" in drawn.source


def test_means_are_standardised_by_all_frames_of_the_drawn(home: Home) -> None:
    random = np.random.default_rng(0)
    rows = [random.normal(size=(2 + index % 5, 2)).astype(np.float32) for index in range(COUNT)]
    variant = variant_of(WORLD)
    write_store(store_folder(home, variant), rows)
    drawn = draw_utterance_map(home, variant)
    assert isinstance(drawn, UtteranceMap)
    frames = np.concatenate(rows).astype(np.float64)
    means = np.stack([utterance.mean(axis=0, dtype=np.float64) for utterance in rows])
    expected, _ = principal_components((means - frames.mean(axis=0)) / frames.std(axis=0))
    assert drawn.points == pytest.approx(expected, abs=1e-9)


def test_without_matching_frames_there_is_no_map(home: Home) -> None:
    variant = variant_of(WORLD)
    assert draw_utterance_map(home, variant) is None
    write_store(store_folder(home, variant), [np.ones((3, 2), dtype=np.float32)] * (COUNT + 1))
    assert draw_utterance_map(home, variant) is None


def test_frames_of_another_version_are_not_drawn(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    variant = variant_of(WORLD)
    draw(home, variant)
    monkeypatch.setattr("studies.reporting.utterance_map.RESULTS_VERSION", variant.provenance.results_version + 1)
    assert draw_utterance_map(home, variant) is None


def test_frames_are_read_again_only_where_the_map_would_differ(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    open_store = FeatureStore.open
    monkeypatch.setattr(FeatureStore, "open", lambda path: opened.append(path) or open_store(path))
    variant, of_speakers = variant_of(WORLD), variant_of(WORLD, "zscore_speaker")
    first = draw(home, variant)
    # As a watched report is written after another fold: the same variant, pooled anew.
    again = draw(home, variant_of(WORLD))
    assert (again.points, len(opened)) == (pytest.approx(first.points), 1)
    # Equal settings have one store, whatever the normalisation.
    assert not np.allclose(draw(home, of_speakers).points, first.points)
    rows = np.random.default_rng(2).normal(size=(COUNT, 3, 2)).astype(np.float32)
    write_store(store_folder(home, variant), list(rows))
    other_frames = draw_utterance_map(home, variant)
    assert isinstance(other_frames, UtteranceMap)
    assert not np.allclose(other_frames.points, first.points)
    assert len(opened) == 3


def test_damaged_frames_are_named_and_cost_no_report(tmp_path: Path) -> None:
    variant = variant_of(WORLD)
    store = store_folder(Home(tmp_path), variant)
    store.mkdir(parents=True)
    (store / METADATA).write_text("{")
    text = draw_utterance_map(Home(tmp_path), variant)
    assert isinstance(text, str)
    assert text.startswith(f"no map of utterances: {store / METADATA}: ")
    (store / METADATA).unlink()
    (store / METADATA).mkdir()
    text = draw_utterance_map(Home(tmp_path), variant)
    assert isinstance(text, str)
    assert str(store / METADATA) in text


def test_of_many_utterances_some_are_drawn(home: Home) -> None:
    variant = variant_of(World(per_speaker=100))
    drawn = draw(home, variant, 1000)
    assert len(drawn.utterances) == 500 <= MAX_UTTERANCES
    assert "Every 2th" not in drawn.source
    assert "One of 2 utterances is drawn." in drawn.source


def test_components_are_those_of_the_covariance() -> None:
    rows = np.random.default_rng(1).normal(size=(40, 5)) * [1, 2, 3, 4, 5]
    points, explained = principal_components(rows)
    variances = np.sort(np.linalg.eigvalsh(np.cov(rows.T)))[::-1]
    assert points.var(axis=0, ddof=1) == pytest.approx(variances[:2])
    assert explained == pytest.approx(variances[:2] / variances.sum())
