"""Imports go one way, between rooms and within `ser`; read from the source, so none is overlooked."""

import ast
import graphlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("ser", "tracking", "studies")

# A module imports from its own layer and from those above it in this list. The longest name that begins a module's
# own name is its part.
LAYERS = (
    ("ser.errors", "ser.frozen_model"),
    ("ser.feature_settings",),
    ("ser.config", "ser.cuda_errors", "ser.devices", "ser.files"),
    ("ser.results",),
    ("ser.identity", "ser.metrics"),
    ("ser.corpora", "ser.model"),
    ("ser.features", "ser.folds"),
    ("ser.training", "ser.baselines"),
    ("ser.inference",),
    ("ser.inference.timeline",),
    ("tracking.analysis.trial_result", "tracking.analysis.escaping"),
    ("tracking.analysis.statistics",),
    ("tracking.analysis",),
    ("tracking.analysis.variants",),
    ("tracking.analysis.comparison",),
    ("tracking.analysis.figures",),
    ("tracking.analysis.report",),
    ("tracking",),
    ("tracking.backend",),
    ("tracking.results",),
    ("tracking.writing", "tracking.registry"),
    ("tracking.checks",),
    ("studies.provenance", "studies.storages", "studies.planning"),
    ("studies.search", "studies.baselines"),
    ("studies.execution", "studies.monitoring"),
    ("studies.coordination",),
    ("studies.consistency",),
    ("studies.runner", "studies.reporting", "studies.models", "studies.predictions"),
    ("studies.serving",),
    ("studies.cli",),
    ("studies.interface",),
    ("benchmarks", "tests"),
)
RANK = {part: rank for rank, layer in enumerate(LAYERS) for part in layer}

# Libraries that a part does without: workers import neither a tracker nor Optuna, and a report needs no server.
FOREIGN = {
    "ser": {"mlflow", "optuna", "ray", "statsmodels"},
    "tracking.analysis": {"mlflow", "optuna", "ray"},
    "tracking": {"optuna", "ray"},
}

# A registry imports what it registers, and each of these imports what they share.
PARENTS = ("ser/corpora", "ser/features", "ser/features/frontends", "ser/model", "studies/execution", "studies/cli")

# A package offers functions of its parts, each imported when it is first asked for: above all of them.
OFFERS = frozenset(PACKAGES)

LARGEST_FOLDER = 10

# Slow to import: a look at the studies must be quick.
HEAVY = ("torch", "mlflow", "pandas", "sklearn", "matplotlib", "statsmodels", "transformers")


def modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def dotted(path: Path) -> str:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """Absolute names of all that a module imports, with the line: also inside functions and type-checking blocks."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = path.relative_to(ROOT).with_suffix("").parts[: -node.level]
                base = ".".join([*package, *([node.module] if node.module else [])])
            yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)


def rank_of(name: str) -> int | None:
    """The layer of a dotted name such as 'ser.features.store'; None for other libraries and for bare packages."""
    pieces = name.split(".")
    parts = (".".join(pieces[:count]) for count in range(len(pieces), 0, -1))
    return next((RANK[part] for part in parts if part in RANK), None)


def imported_modules(path: Path, known: Mapping[str, Path]) -> set[str]:
    """Names of our own modules that a module imports from."""
    names = (name if name in known else name.rpartition(".")[0] for name, _ in imported(path))
    return {name for name in names if name in known} - {dotted(path)}


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What the code prints in a process of its own, in which nothing is imported yet."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    """Our modules, and those that each one imports from."""
    known = {dotted(path): path for package in PACKAGES for path in modules(package)}
    return {name: imported_modules(path, known) for name, path in known.items()}


@pytest.mark.parametrize("package", [*PACKAGES, "benchmarks", "tests"])
def test_modules_import_only_from_their_own_layer_and_those_before_it(package: str) -> None:
    upward = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules(package)
        for name, line in imported(path)
        if dotted(path) not in OFFERS and (rank_of(name) or 0) > (rank_of(dotted(path)) or 0)
    ]
    assert modules(package)
    assert upward == []


def test_every_module_has_a_layer() -> None:
    without = [dotted(path) for package in PACKAGES for path in modules(package) if rank_of(dotted(path)) is None]
    assert without == ["ser", "studies"], "add the new part to LAYERS"


@pytest.mark.parametrize("part", FOREIGN)
def test_a_part_does_without_libraries_that_are_not_its_own(part: str) -> None:
    foreign = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules(part.replace(".", "/"))
        for name, line in imported(path)
        if name.split(".")[0] in FOREIGN[part]
    ]
    assert foreign == []


def test_no_module_imports_itself_through_others(graph: dict[str, set[str]]) -> None:
    # Raises CycleError, which names them.
    assert set(graphlib.TopologicalSorter(graph).static_order()) == set(graph)


def test_no_two_folders_import_each_other_but_a_registry_and_its_entries(graph: dict[str, set[str]]) -> None:
    folders: dict[str, set[str]] = {}
    known = {dotted(path): str(path.parent.relative_to(ROOT)) for package in PACKAGES for path in modules(package)}
    for name, targets in graph.items():
        if name in OFFERS:
            continue
        folders.setdefault(known[name], set()).update(known[target] for target in targets)
    mutual = {(folder, other) for folder, others in folders.items() for other in others if folder in folders[other]}
    assert [pair for pair in sorted(mutual) if pair[0] < pair[1] and pair[0] not in PARENTS] == []
    assert all(other.startswith(f"{folder}/") for folder, other in mutual if folder < other)


def test_a_folder_holds_at_most_ten_modules() -> None:
    folders = Counter(path.parent for package in PACKAGES for path in modules(package) if path.stem != "__init__")
    large = {str(folder.relative_to(ROOT)): n for folder, n in folders.items() if not 2 <= n <= LARGEST_FOLDER}
    assert large == {}


def test_relative_imports_are_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    module = tmp_path / "ser" / "features" / "some.py"
    module.parent.mkdir(parents=True)
    module.write_text("from ..model import network\nfrom . import store\ndef f():\n    import optuna.trial\n")
    assert [name for name, _ in imported(module)] == ["ser.model.network", "ser.features.store", "optuna.trial"]


# Carried out one after another by one interpreter, each in lines of its own: none imports what one after it may.
STEPS = {
    "the packages": "import ser, studies, tracking",
    "a look at the studies": (
        "from pathlib import Path\n"
        "from studies.storages.home import Home; from studies.search.summaries import list_studies\n"
        "storage = Home(Path(sys.argv[1])).storage; storage.open(); list_studies(storage)"
    ),
    "commands that read and plan": (
        "import studies.cli.report.command, studies.cli.study.status, studies.cli.study.list"
    ),
    "the start of a study": "import studies.cli.study.run",
    "a study of log-mels": (
        "import studies.execution.worker, ser.features.builder\n"
        "from ser.feature_settings import LogMelSettings\n"
        "from ser.features.frontends import open_front_ends\n"
        "from ser.features.frontends.base import FrontEndChoice\n"
        "open_front_ends([FrontEndChoice(settings=LogMelSettings())])[0].load()"
    ),
    "the Python interface": (
        "names = [f.__name__ for f in (ser.load_model, studies.results, studies.run, tracking.compare)]"
    ),
}


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What is imported after each step, by the libraries' names, and the names of functions that it found."""
    report = "print(json.dumps({'imported': sorted({name.partition('.')[0] for name in sys.modules}), 'found': names}))"
    code = "import json, sys; names = []\n" + "".join(f"{step}\n{report}\n" for step in STEPS.values())
    answer = run_python(code, str(tmp_path_factory.mktemp("home")))
    assert answer.returncode == 0, answer.stderr
    return dict(zip(STEPS, map(json.loads, answer.stdout.splitlines()), strict=True))


@pytest.mark.parametrize(
    ("step", "libraries"),
    [
        ("the packages", (*HEAVY, "optuna", "numpy", "scipy")),
        ("a look at the studies", HEAVY),
        ("commands that read and plan", ("torch", "mlflow")),
        ("the start of a study", ("torch",)),
        ("a study of log-mels", ("transformers", "huggingface_hub", "tokenizers", "opensmile", "librosa")),
    ],
)
def test_a_step_does_without_libraries_that_it_does_not_need(
    steps: dict[str, dict[str, Any]], step: str, libraries: tuple[str, ...]
) -> None:
    assert [name for name in libraries if name in steps[step]["imported"]] == []


def test_the_python_interface_is_complete(steps: dict[str, dict[str, Any]]) -> None:
    assert steps["the Python interface"]["found"] == ["load_model", "results", "run", "compare"]
    packages = [import_module(name) for name in PACKAGES]
    assert [hasattr(package, "no_such_function") for package in packages] == [False, False, False]
