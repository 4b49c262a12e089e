"""Where a result comes from: versions, processor and git commit, as tags."""

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from tracking import schema

_PACKAGES = ("ser-studies", "torch", "optuna", "mlflow", "numpy")


def provenance_tags(processor: str) -> dict[str, str]:
    """Tags that every run of a study carries.

    Args:
        processor: Name of the processor or card that computes folds.

    Returns:
        Versions, processor, and git commit and dirty flag where the code runs from a checkout.
    """
    tags = {f"{schema.VERSION_PREFIX}{package}": version(package) for package in _PACKAGES}
    tags[f"{schema.VERSION_PREFIX}python"] = platform.python_version()
    tags[schema.PROCESSOR] = processor
    # Installed into an environment that lies in somebody's own checkout, this file is none of its files.
    commit = _git("rev-parse", "HEAD") if _git("ls-files", "--error-unmatch", Path(__file__).name) else None
    if commit is not None:
        tags[schema.GIT_COMMIT] = commit
        tags[schema.GIT_DIRTY] = str(bool(_git("status", "--porcelain", "--untracked-files=no"))).lower()
    return tags


def _git(*arguments: str) -> str | None:
    """What git says of the checkout that this file lies in, or None outside of one."""
    folder = Path(__file__).resolve().parent
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
