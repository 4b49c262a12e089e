"""Classical baselines of a study: what they are trained on, and their training where they have no result yet."""

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from ser.config import Normalisation
from ser.corpora.corpus import Corpus
from ser.feature_settings import FeatureSettings, LogMelSettings
from ser.features.store import FeatureStore
from ser.results import FRAME_STATISTICS, BaselineResult, Fold, FunctionalsName
from studies.planning.plan import StudyPlan
from tracking.results.baselines import BaselineInputs, BaselineStore

BASIC: tuple[FunctionalsName, ...] = (FRAME_STATISTICS, "functionals")
"""What the baselines of every study hear: they take seconds."""

OPENSMILE: tuple[FunctionalsName, ...] = ("eGeMAPSv02", "ComParE_2016")
"""What is computed only where it is asked for: it takes minutes, and a package that is free for research only."""


def baseline_inputs(
    plan: StudyPlan, scheme: tuple[Fold, ...], functionals: Sequence[FunctionalsName] = (*BASIC, *OPENSMILE)
) -> list[BaselineInputs]:
    """List the inputs of a study's baselines, each once.

    Returns:
        Inputs of one baseline for each front end and its normalisation, first; then of one for each other set of
        functionals and each way in which these are normalised.
    """
    bases = plan.front_end_bases("fp32")
    of_frames: list[BaselineInputs] = [(scheme, base.normalisation, base.features, FRAME_STATISTICS) for base in bases]
    of_audio: list[BaselineInputs] = [
        (scheme, _audio_normalisation(base.normalisation), LogMelSettings(), name)
        for name in functionals
        if name != FRAME_STATISTICS
        for base in bases
    ]
    return list(dict.fromkeys([*(of_frames if FRAME_STATISTICS in functionals else []), *of_audio]))


def without_untrained_opensmile(
    inputs: Sequence[BaselineInputs], corpus_digest: str, results: BaselineStore
) -> list[BaselineInputs]:
    """Leave out baselines on openSMILE's functionals that were never asked for: those that have no result."""
    return [key for key in inputs if key[-1] not in OPENSMILE or results.find(corpus_digest, *key) is not None]


def _audio_normalisation(normalisation: Normalisation) -> Normalisation:
    """Return how functionals are normalised beside frames: by each speaker where these are, else by those who train."""
    return normalisation if normalisation == "zscore_speaker" else "zscore_training"


class StudyBaselines(NamedTuple):
    """Baselines of a study.

    Attributes:
        results: Their results: first that of the frames of the study's first front end.
        has_new: Whether any was trained just now.
    """

    results: tuple[BaselineResult, ...]
    has_new: bool


def train_baselines(
    corpus: Corpus,
    stores: Mapping[FeatureSettings, Path],
    inputs: Sequence[BaselineInputs],
    results: BaselineStore,
    progress_factory: Callable[[str], Callable[[int, int], None]],
) -> StudyBaselines:
    """Train baselines, unless they were trained before; a fixed penalty of earlier versions does not count.

    Args:
        corpus: The corpus.
        stores: Path of the feature store of each front end of the study.
        inputs: Inputs of the baselines.
        results: Store of their results.
        progress_factory: Opens a progress bar with a title.

    Returns:
        The baselines, in the order of the inputs.

    Raises:
        SerError: A baseline cannot be trained; the text says why.
    """
    baselines, has_new = list[BaselineResult](), False
    for scheme, normalisation, features, functionals in inputs:
        baseline = results.find(corpus.digest, scheme, normalisation, features, functionals)
        if baseline is None or not baseline.inverse_penalties:
            # It imports torch, and most starts find the baselines of an earlier one.
            from ser.baselines.base import BaselineData
            from ser.baselines.training import BASELINES, train_baseline

            # Functionals of the audio read no frames.
            path = stores[features] if functionals == FRAME_STATISTICS else next(iter(stores.values()))
            store = FeatureStore.open(path)
            data = BaselineData(corpus, store, normalisation)
            progress = progress_factory(f"{BASELINES[functionals].name} on {functionals}")
            baseline = train_baseline(BASELINES[functionals](), data, scheme, progress)
            results.put(baseline)
            has_new = True
        baselines.append(baseline)
    return StudyBaselines(tuple(baselines), has_new)


def check_opensmile() -> str:
    """Return why no baseline can hear functionals of openSMILE; empty where one can."""
    if find_spec("opensmile") is not None:
        return ""
    return (
        "baselines on eGeMAPSv02 and ComParE_2016 are left out: they need the package opensmile, which is free for "
        "research only; install it with: pip install 'ser-studies[opensmile]'"
    )
