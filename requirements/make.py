"""Write the hashes of all packages that are installed: `make lock`.

`pyproject.toml` says what is needed, `constraints.txt` which versions. uv finds the packages that these pull in on any
system, and the hashes of their files. `base.txt` lists what every installation needs, a file per extra what it needs
besides. torch has a file of its own, since its CPU builds come from another index; `cuda.txt` lists the libraries of
its CUDA build.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from torch_build import CPU_INDEX

FOLDER = Path(__file__).resolve().parent
PROJECT = FOLDER.parent
HEADER = "# Made by `make lock` from pyproject.toml and constraints.txt; change those.\n"

_NAME = re.compile(r"[a-z0-9-]+")
_CUDA = re.compile(r"(cuda|nvidia)-|triton$")
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")

Packages = dict[str, str]
"""Lines of each package in a requirements file, by its name."""


def compile_packages(*arguments: str) -> Packages:
    """Let uv find packages, their versions and hashes."""
    return parse_packages(
        run_uv("--universal", "--python-version", "3.11", "--constraint", "constraints.txt", *arguments)
    )


def run_uv(*arguments: str, requirements: str = "") -> str:
    """Run `uv pip compile` in the project's folder, and return the file that it makes."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--generate-hashes", "--no-annotate"]
    command += ["--no-header", *arguments]
    return subprocess.run(
        command, cwd=PROJECT, input=requirements, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def parse_packages(text: str) -> Packages:
    """Divide a requirements file with hashes into its packages; comments are left out."""
    lines = [line for line in text.splitlines(keepends=True) if not line.lstrip().startswith("#")]
    packages: Packages = {}
    for block in re.split(r"^(?=\S)", "".join(lines), flags=re.MULTILINE):
        if match := _NAME.match(block):
            packages[match.group()] = packages.get(match.group(), "") + block
    return packages


def write(name: str, packages: Packages) -> None:
    """Write a requirements file."""
    (FOLDER / f"{name}.txt").write_text(HEADER + "".join(packages[package] for package in sorted(packages)))


def torch_with_cpu_builds(pypi: str) -> str:
    """Add the hashes of PyTorch's own CPU builds to PyPI's of the same version.

    They are taken from the file as it is where the version stays, so that PyTorch's index is only asked for a new one.
    """
    version = pypi.split()[0]
    path = FOLDER / "torch.txt"
    earlier = parse_packages(path.read_text())["torch"] if path.exists() else ""
    if earlier.split()[:1] != [version]:
        earlier = run_uv("--no-deps", "--index-url", CPU_INDEX, "-", requirements=f"{version}+cpu")
    hashes = sorted({*_HASH.findall(pypi), *_HASH.findall(earlier)})
    return " \\\n".join([version, *(f"    --hash={digest}" for digest in hashes)]) + "\n"


def main() -> None:
    """Write all files."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    base = compile_packages("pyproject.toml")
    write("torch", {"torch": torch_with_cpu_builds(base["torch"])})
    cuda = {name for name in base if _CUDA.match(name)}
    write("cuda", {name: base[name] for name in cuda})
    write("base", {name: lines for name, lines in base.items() if name not in cuda | {"torch"}})
    for extra in project["optional-dependencies"]:
        packages = compile_packages("pyproject.toml", "--extra", extra)
        write(extra, {name: lines for name, lines in packages.items() if name not in base})
    lines = (PROJECT / "constraints.txt").read_text().splitlines()
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in lines}
    packages = {name for path in FOLDER.glob("*.txt") for name in parse_packages(path.read_text())}
    if packages - pinned:
        sys.exit(f"pin these in constraints.txt, too: {', '.join(sorted(packages - pinned))}")


if __name__ == "__main__":
    main()
