"""The hashes that `make setup` installs with fit `constraints.txt` and `pyproject.toml`."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parent.parent
FILES = sorted((PROJECT / "requirements").glob("*.txt"))
HASHED = re.compile(r"([a-z0-9-]+)==([^ ;]+)[^\n]*?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n")


def locked(path: Path) -> dict[str, str]:
    """Return the versions of a file, by package; each must have hashes, and nothing else may stand there."""
    text = re.sub("^#.*\n", "", path.read_text(), flags=re.MULTILINE)
    assert HASHED.sub("", text) == ""
    return {name: version for name, version, _ in HASHED.findall(text)}


def pinned() -> dict[str, str]:
    lines = (PROJECT / "constraints.txt").read_text().splitlines()
    pins = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pins}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_versions_are_those_of_the_constraints(path: Path) -> None:
    versions = locked(path)
    assert versions
    assert versions == {name: pinned().get(name) for name in versions}


def test_every_constraint_is_installed_somewhere() -> None:
    assert {name for path in FILES for name in locked(path)} == set(pinned())


def test_what_the_project_names_is_installed() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    versions = {path.stem: locked(path) for path in FILES}
    base = versions["base"] | versions["torch"]
    extras = {"base": project["dependencies"], **project["optional-dependencies"]}
    assert set(extras) == set(versions) - {"torch", "cuda"}
    for extra, texts in extras.items():
        for requirement in map(Requirement, texts):
            version = (base | versions[extra]).get(canonicalize_name(requirement.name))
            assert version is not None, f"{requirement.name} of {extra}: run make lock"
            assert version in requirement.specifier


def test_what_is_under_gpl_is_only_in_the_demo() -> None:
    names = {path.stem for path in FILES if "espeakng-loader" in locked(path)}
    assert names == {"demo"}
