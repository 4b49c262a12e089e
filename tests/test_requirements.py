"""The hashes that `make setup` installs with fit `constraints.txt` and `pyproject.toml`."""

import re
import shutil
import socket
import subprocess
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parent.parent
FILES = sorted((PROJECT / "requirements").glob("*.txt"))
SPEC = spec_from_file_location("torch_build", PROJECT / "requirements" / "torch_build.py")
assert SPEC is not None
assert SPEC.loader is not None
torch_build = module_from_spec(SPEC)
SPEC.loader.exec_module(torch_build)
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


@pytest.mark.parametrize(
    ("platform", "driver", "offers", "build", "said"),
    [
        ("linux", False, True, "cpu", "there is no NVIDIA driver"),
        ("linux", False, False, "cuda", "does not offer the CPU build within 3 s (TORCH=cpu insists on it)"),
        ("linux", True, True, "cuda", "there is an NVIDIA driver (TORCH=cpu takes the CPU build)"),
        ("darwin", False, True, "cuda", "no CUDA on this system"),
    ],
)
def test_the_build_of_torch_suits_the_machine(
    platform: str, driver: bool, offers: bool, build: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_build, "has_nvidia_driver", lambda: driver)
    monkeypatch.setattr(torch_build, "offers_cpu_build", lambda: offers)
    chosen, reason = torch_build.choose_build(platform)
    assert chosen == build
    assert said in reason


@pytest.mark.parametrize("build", ["+cpu", ""])
def test_pip_is_asked_for_the_cpu_build(build: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = locked(PROJECT / "requirements/torch.txt")["torch"]
    (tmp_path / f"torch-{version}{build}-py3-none-any.whl").touch()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        index = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert torch_build.offers_cpu_build(index, timeout_s=1) == (build == "+cpu")


@pytest.mark.parametrize(
    ("setting", "says"),
    [("cpu", "--index-url https://download.pytorch.org/whl/cpu"), ("cuda", "-r requirements/cuda.txt"), ("gpu", "")],
)
def test_a_build_that_is_set_is_installed_and_another_refused(setting: str, says: str, tmp_path: Path) -> None:
    make = shutil.which("make")
    if make is None:
        pytest.skip("needs make")
    # In a folder without an environment, so that it is to be made; nothing runs.
    for name in ("Makefile", "pyproject.toml", "requirements"):
        (tmp_path / name).symlink_to(PROJECT / name)
    answer = subprocess.run(
        [make, "-n", "setup", f"TORCH={setting}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    if says:
        assert answer.returncode == 0, answer.stderr
        assert ("requirements/cuda.txt" in answer.stdout) == (setting == "cuda")
        assert says in answer.stdout
    else:
        assert "TORCH=gpu: expected cpu or cuda" in answer.stderr


def test_what_is_under_gpl_is_only_in_the_demo() -> None:
    names = {path.stem for path in FILES if "espeakng-loader" in locked(path)}
    assert names == {"demo"}
