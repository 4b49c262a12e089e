"""Store of baselines: found by what they are of, and never read when damaged."""

from pathlib import Path

from ser.feature_settings import LogMelSettings
from ser.results import BaselineResult, CorpusIdentity, Evaluation, Fold
from tracking.results.baselines import BaselineStore

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
