"""Store of baselines: found by what they are of, and never read when damaged."""

from pathlib import Path

import pytest

from ser.config import digest_of
from ser.feature_settings import FrontEndSettings, LogMelProsodySettings, LogMelSettings, OpenSmileSettings
from ser.results import BASELINES_VERSION, BaselineResult, CorpusIdentity, Evaluation, Fold, FunctionalsName
from tracking.results.baselines import BaselineStore, is_readable

FOLD = Fold(index=0, name="a", scheme="s", test_speakers=("a",), validation_speakers=("b",), training_speakers=("c",))
TEST = Evaluation(
    utterances=("u",), speakers=("a",), sessions=(None,), actual=(0,), predicted=(1,), scores=((0.25, 0.75),)
)
BASELINE = BaselineResult(
    name="logistic regression",
    corpus=CorpusIdentity(name="c", digest="d", emotions=("x", "y")),
    normalisation="zscore_speaker",
    folds=(FOLD,),
    tests=(TEST,),
)


def test_baseline_is_found_by_what_it_is_of(tmp_path: Path) -> None:
    store = BaselineStore(tmp_path / "results")
    assert store.find("d", [FOLD], "zscore_speaker", LogMelSettings()) is None
    store.put(BASELINE)
    assert store.find("d", [FOLD], "zscore_speaker", LogMelSettings()) == BASELINE
    assert store.find("other", [FOLD], "zscore_speaker", LogMelSettings()) is None
    assert store.find("d", [FOLD], "zscore_training", LogMelSettings()) is None


def test_damaged_baseline_is_computed_again(tmp_path: Path) -> None:
    store = BaselineStore(tmp_path)
    store.put(BASELINE)
    (path,) = tmp_path.iterdir()
    content = path.read_text(encoding="utf-8")
    for damaged in (content.replace("0.25", "0.35"), content[:50], "[" * 100_000, ""):
        path.write_text(damaged, encoding="utf-8")
        assert store.find("d", [FOLD], "zscore_speaker", LogMelSettings()) is None
    store.put(BASELINE)
    assert store.find("d", [FOLD], "zscore_speaker", LogMelSettings()) == BASELINE


FORMER = BASELINE.model_copy(update={"inverse_penalties": (0.1,), "validations": (TEST,)})
VERSIONS = {"version": BASELINES_VERSION, "frames_version": LogMelSettings.frames_version}
CHOSEN = FORMER.model_copy(update=VERSIONS)


def test_a_fixed_penalty_is_found_until_one_is_chosen(tmp_path: Path) -> None:
    store = BaselineStore(tmp_path)
    store.put(BASELINE)
    (former,) = tmp_path.iterdir()
    store.put(CHOSEN)
    assert store.find("d", [FOLD], "zscore_speaker", LogMelSettings()) == CHOSEN
    assert former.is_file()


def test_the_name_of_a_former_baseline_stays(tmp_path: Path) -> None:
    BaselineStore(tmp_path).put(BASELINE)
    content = {"corpus": "d", "folds": [FOLD.model_dump(mode="json")], "normalisation": "zscore_speaker"}
    assert [path.name for path in tmp_path.iterdir()] == [f"baseline-{digest_of(content)}.json"]


def test_baselines_on_other_functionals_are_apart(tmp_path: Path) -> None:
    of_audio = {"functionals": "functionals", "frames_version": 1}
    store, functionals = BaselineStore(tmp_path), CHOSEN.model_copy(update=of_audio)
    store.put(CHOSEN)
    assert store.find("d", [FOLD], "zscore_speaker", LogMelSettings(), "functionals") is None
    store.put(functionals)
    assert store.find("d", [FOLD], "zscore_speaker", LogMelSettings(), "functionals") == functionals
    assert store.find("d", [FOLD], "zscore_speaker", LogMelSettings()) == CHOSEN


def test_baselines_of_other_versions_are_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, key = BaselineStore(tmp_path), ("d", [FOLD], "zscore_speaker", LogMelSettings())
    for former in (FORMER, CHOSEN.model_copy(update={"frames_version": 1}), CHOSEN.model_copy(update={"version": 1})):
        store.put(former)
        assert store.find(*key) is None
        assert not is_readable(former)
    store.put(CHOSEN)
    assert (store.find(*key), is_readable(CHOSEN), is_readable(BASELINE)) == (CHOSEN, True, True)
    assert len(list(tmp_path.iterdir())) == 4
    monkeypatch.setattr(LogMelSettings, "frames_version", LogMelSettings.frames_version + 1)
    assert store.find(*key) is None


@pytest.mark.parametrize(
    ("functionals", "settings", "version"),
    [
        ("functionals", LogMelProsodySettings, 2),
        ("eGeMAPSv02", OpenSmileSettings, 1),
        ("ComParE_2016", OpenSmileSettings, 1),
    ],
)
def test_functionals_of_other_frames_are_not_found(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    functionals: FunctionalsName,
    settings: type[FrontEndSettings],
    version: int,
) -> None:
    monkeypatch.setattr(settings, "frames_version", version)
    store, key = BaselineStore(tmp_path), ("d", [FOLD], "zscore_speaker", LogMelSettings(), functionals)
    first = CHOSEN.model_copy(update={"functionals": functionals, "frames_version": 1})
    store.put(first)
    content = {"corpus": "d", "folds": [FOLD.model_dump(mode="json")], "normalisation": "zscore_speaker"}
    key_content = {"functionals": functionals, "penalty": "chosen by validation", "version": BASELINES_VERSION}
    assert [path.name for path in tmp_path.iterdir()] == [f"baseline-{digest_of(content | key_content)}.json"]
    assert (store.find(*key), is_readable(first)) == (first, True)
    monkeypatch.setattr(settings, "frames_version", version + 1)
    assert (store.find(*key), is_readable(first)) == (None, False)
    later = first.model_copy(update={"frames_version": 2})
    store.put(later)
    assert store.find(*key) == later


def test_the_name_of_a_baseline_without_a_version_stays(tmp_path: Path) -> None:
    BaselineStore(tmp_path).put(BaselineResult.model_validate_json(FORMER.model_dump_json(exclude=set(VERSIONS))))
    content = {"corpus": "d", "folds": [FOLD.model_dump(mode="json")], "normalisation": "zscore_speaker"}
    name = digest_of(content | {"penalty": "chosen by validation"})
    assert [path.name for path in tmp_path.iterdir()] == [f"baseline-{name}.json"]
