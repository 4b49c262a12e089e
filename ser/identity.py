"""Names that say what a result is of: equal names, equal results (on GPUs but for rounding).

A fold's identity covers its whole configuration, the corpus, the speakers of its parts and what of
the machine can move a result; never a path, a name or a difference from defaults.
"""

import runpy
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ser.config import FoldConfiguration, digest_of
from ser.results import Fold

RESULTS_VERSION = 4
"""Raised whenever the code changes any fold result; a golden test fails when it was forgotten."""

DEVICE_TYPES = ("cpu", "cuda")
"""Types of devices that train folds; the same fold differs between them in its last digits."""


def installed_torch_version() -> str:
    """Return what `torch.__version__` says; the version of the package may lack its local part, such as '+cu128'."""
    return str(torch_build()["__version__"])


@cache
def torch_build() -> Mapping[str, Any]:
    """Read what the installed torch says of its build, such as 'cuda', without importing it, which takes a second."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")
    return runpy.run_path(str(Path(spec.origin).with_name("version.py")))


def fold_identity(
    configuration: FoldConfiguration,
    corpus_digest: str,
    fold: Fold,
    device_type: str,
    torch_version: str | None = None,
    results_version: int | None = None,
) -> str:
    """Name one fold of one model on one corpus.

    Args:
        configuration: The whole configuration, its precision resolved.
        corpus_digest: Digest of the corpus.
        fold: The fold; its speakers count, its position and name do not.
        device_type: One of `DEVICE_TYPES`.
        torch_version: Version of torch that trains it; None for the one that is installed.
        results_version: Version of the code's results that it is of; None for this code's.

    Returns:
        32 hex digits.
    """
    return digest_of(
        {
            "configuration": configuration.digest_content(),
            "corpus": corpus_digest,
            "test": sorted(fold.test_speakers),
            "validation": sorted(fold.validation_speakers),
            "training": sorted(fold.training_speakers),
            "device": device_type,
            "torch": installed_torch_version() if torch_version is None else torch_version,
            "results_version": RESULTS_VERSION if results_version is None else results_version,
        }
    )


def trial_identity(fold_identities: list[str]) -> str:
    """Name a trial by its folds, in any order: 32 hex digits."""
    return digest_of(sorted(fold_identities))


def weight_seed(configuration: FoldConfiguration, fold: Fold) -> int:
    """Return the seed of a fold's initial weights, 0 to 2**63 - 1, from the seed setting and the test speakers."""
    return int(digest_of({"seed": configuration.seed, "test": sorted(fold.test_speakers)})[:16], 16) >> 1
