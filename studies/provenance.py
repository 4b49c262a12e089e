"""Provenance of results as tags: versions, device, git commit, and the home that runs a study."""

import json
import platform
import subprocess
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from tracking import schema

_PACKAGES = ("ser-studies", "torch", "optuna", "mlflow", "numpy")


def provenance_tags(processor: str) -> dict[str, str]:
    """Collect the tags that all runs of a study share.

    Args:
        processor: Name of the CPU or GPU that trains folds.

    Returns:
        Versions, device name, and git commit and dirty flag where the code runs from a checkout.
    """
    tags = {f"{schema.VERSION_PREFIX}{package}": version(package) for package in _PACKAGES}
    tags[f"{schema.VERSION_PREFIX}python"] = platform.python_version()
    tags[schema.PROCESSOR] = processor
    # An environment may lie inside another project's checkout, of which this file is no part.
    commit = _git("rev-parse", "HEAD") if _git("ls-files", "--error-unmatch", Path(__file__).name) else None
    if commit is not None:
        tags[schema.GIT_COMMIT] = commit
        tags[schema.GIT_DIRTY] = str(bool(_git("status", "--porcelain", "--untracked-files=no"))).lower()
    return tags


def home_tag_name(home: Path) -> str:
    """Name the tag of a study run that holds what `home_tag` says of this home."""
    location = f"{platform.node()}:{home.resolve()}"
    return schema.HOME_PREFIX + sha256(location.encode()).hexdigest()[:8]


def home_tag(home: Path, root: Path, precision: str) -> dict[str, str]:
    """Build the tag with what differs between the homes that run one study.

    Args:
        home: The data directory.
        root: Folder of the corpus, as this machine sees it.
        precision: Precision that `auto` was resolved to.
    """
    facts = {"host": platform.node(), "home": str(home.resolve()), "root": str(root), "precision": precision}
    return {home_tag_name(home): json.dumps(facts)}


def _git(*arguments: str) -> str | None:
    """Output of git for the checkout of this file, or None outside of one."""
    folder = Path(__file__).resolve().parent
    try:
        process = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return process.stdout.strip() if process.returncode == 0 else None
