"""Store of baselines: results of classifiers without a trial, such as logistic regression, beside the folds."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from ser.config import digest_of
from ser.errors import SerError
from ser.feature_settings import FeatureSettings, LogMelSettings
from ser.files import atomic_write, parse_json_object
from ser.results import BaselineResult, Fold

_PREFIX = "baseline-"


BaselineInputs = tuple[tuple[Fold, ...], str, FeatureSettings]
"""Inputs of a corpus's baseline: all folds, the normalisation of the frames, and the settings of the front end."""


class BaselineStore:
    """Baselines in the folder of results, each with the digest of its content.

    Args:
        folder: The folder; it is created with its first baseline.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, baseline: BaselineResult) -> None:
        """Save a baseline, durably; an equal one is replaced by itself."""
        self._folder.mkdir(parents=True, exist_ok=True)
        content = baseline.model_dump_json()
        text = json.dumps({"sha256": _sha256(content), "baseline": content})
        path = self._path(baseline.corpus.digest, baseline.folds, baseline.normalisation, baseline.features)
        atomic_write(path, text, durable=True)

    def find(
        self, corpus_digest: str, scheme: Sequence[Fold], normalisation: str, features: FeatureSettings
    ) -> BaselineResult | None:
        """Find a baseline; None where there is none, or a damaged one.

        Args:
            corpus_digest: Digest of the corpus.
            scheme: All folds.
            normalisation: Normalisation of the frames.
            features: Settings of the front end.
        """
        path = self._path(corpus_digest, scheme, normalisation, features)
        try:
            return _read(path) if path.is_file() else None
        except SerError:
            # It is computed again within seconds, and replaced.
            return None

    def _path(self, corpus_digest: str, scheme: Sequence[Fold], normalisation: str, features: FeatureSettings) -> Path:
        folds = [fold.model_dump(mode="json") for fold in scheme]
        content = {"corpus": corpus_digest, "folds": folds, "normalisation": normalisation}
        # Without the front end, as before there were others: what was computed then keeps its name.
        of_front_end = {} if features == LogMelSettings() else {"features": features.digest_content()}
        digest = digest_of(content | of_front_end)
        return self._folder / f"{_PREFIX}{digest}.json"


def _read(path: Path) -> BaselineResult:
    try:
        record = parse_json_object(path.read_bytes())
        if record["sha256"] != _sha256(record["baseline"]):
            raise SerError(f"{path}: its content is not what was written: the digest differs")
        return BaselineResult.model_validate_json(record["baseline"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        raise SerError(f"{path}: expected a baseline: {error}") from error


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
