"""Store of baselines: results of classifiers without a trial, such as logistic regression, beside the folds."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ser.config import Normalisation, digest_of
from ser.errors import SerError
from ser.feature_settings import FeatureSettings, LogMelSettings
from ser.results import (
    BASELINES_VERSION,
    FRAME_STATISTICS,
    BaselineResult,
    Fold,
    FunctionalsName,
    functionals_frames_version,
)
from tracking.results.records import read_record, write_record

_KIND = "baseline"
_PREFIX = "baseline-"


BaselineInputs = tuple[tuple[Fold, ...], Normalisation, FeatureSettings, FunctionalsName]
"""Inputs of a corpus's baseline: all folds, the normalisation, the settings of the front end, and the functionals."""


_StoredInputs = tuple[tuple[Fold, ...], str, FeatureSettings, FunctionalsName]


class _Code(NamedTuple):
    """Code that a baseline was trained by: how it chose the penalty, and its versions."""

    chooses_penalty: bool
    version: int
    frames_version: int


_FORMER_CODE = _Code(chooses_penalty=False, version=1, frames_version=1)
"""Code of earlier commits, which trained with a fixed penalty."""


def inputs_of(baseline: BaselineResult) -> _StoredInputs:
    """Return the inputs of a baseline."""
    return baseline.folds, baseline.normalisation, baseline.features, baseline.functionals


def is_readable(baseline: BaselineResult) -> bool:
    """Check that a baseline is one that `BaselineStore.find` returns: of this code, or with a fixed penalty."""
    return _code_of(baseline) in (_current_code(baseline.features, baseline.functionals), _FORMER_CODE)


def _code_of(baseline: BaselineResult) -> _Code:
    return _Code(bool(baseline.inverse_penalties), baseline.version, baseline.frames_version)


def _current_code(features: FeatureSettings, functionals: FunctionalsName) -> _Code:
    return _Code(True, BASELINES_VERSION, functionals_frames_version(features, functionals))


class BaselineStore:
    """Baselines in the folder of results, each with the digest of its content.

    Args:
        folder: The folder; it is created with its first baseline.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, baseline: BaselineResult) -> None:
        """Save a baseline, durably; an equal one is replaced by itself."""
        path = self._path(baseline.corpus.digest, inputs_of(baseline), _code_of(baseline))
        write_record(path, _KIND, baseline)

    def find(
        self,
        corpus_digest: str,
        scheme: Sequence[Fold],
        normalisation: str,
        features: FeatureSettings,
        functionals: FunctionalsName = FRAME_STATISTICS,
    ) -> BaselineResult | None:
        """Find a baseline; None where there is none, or a damaged one.

        Args:
            corpus_digest: Digest of the corpus.
            scheme: All folds.
            normalisation: Normalisation of the frames or functionals.
            features: Settings of the front end; of no effect where the functionals are not made of frames.
            functionals: What it hears of an utterance.

        Returns:
            The baseline whose penalty was chosen by validation, of this version and that of the front end's frames;
            where it has not been trained, the one of earlier commits, whose penalty is fixed.
        """
        inputs = tuple(scheme), normalisation, features, functionals
        for code in (_current_code(features, functionals), _FORMER_CODE):
            path = self._path(corpus_digest, inputs, code)
            # A damaged one is trained again within seconds, and replaced.
            with suppress(SerError):
                if path.is_file():
                    return read_record(path, _KIND, BaselineResult)
        return None

    def _path(self, corpus_digest: str, inputs: _StoredInputs, code: _Code) -> Path:
        scheme, normalisation, features, functionals = inputs
        folds = [fold.model_dump(mode="json") for fold in scheme]
        content = {"corpus": corpus_digest, "folds": folds, "normalisation": normalisation}
        # Without the front end, as before there were others, and without what earlier versions did not choose or
        # hear: what was computed then keeps its name.
        of_front_end = {} if features == LogMelSettings() else {"features": features.digest_content()}
        of_functionals = {} if functionals == FRAME_STATISTICS else {"functionals": functionals}
        of_code: dict[str, str | int] = {"penalty": "chosen by validation"} if code.chooses_penalty else {}
        if code.version > 1:
            of_code["version"] = code.version
        if code.frames_version > 1:
            of_code["frames_version"] = code.frames_version
        digest = digest_of(content | (of_functionals or of_front_end) | of_code)
        return self._folder / f"{_PREFIX}{digest}.json"
