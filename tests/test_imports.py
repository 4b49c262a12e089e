"""Imports go one way, between rooms and within `ser`; read from the source, so none is overlooked."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

FORBIDDEN = {
    "ser": {"optuna", "mlflow", "ray", "tracking", "studies", "benchmarks", "tests"},
    "tracking": {"studies", "benchmarks", "tests"},
    "studies": {"benchmarks", "tests"},
}

# A part of `ser` imports from its own layer and from those before it.
LAYERS = (
    ("errors", "processor"),
    ("config",),
    ("results", "arithmetic"),
    ("identity", "metrics", "corpora", "phonetics", "audio"),
    ("features",),
    ("labels", "folds", "batches"),
    ("baseline", "fold_data"),
    ("model",),
    ("evaluation", "optimisation"),
    ("training", "checkpoint", "prediction"),
)
RANK = {part: rank for rank, layer in enumerate(LAYERS) for part in layer}

# Slow to import: `ser --help` must answer at once.
HEAVY = ("torch", "mlflow", "pandas", "sklearn", "matplotlib")


def modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


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


def part_of(name: str) -> str | None:
    """The part of `ser` that a dotted name lies in, such as 'features'."""
    pieces = name.split(".")
    return pieces[1] if pieces[0] == "ser" and len(pieces) > 1 else None


@pytest.mark.parametrize("room", FORBIDDEN)
def test_a_room_imports_only_from_rooms_below_it(room: str) -> None:
    upward = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules(room)
        for name, line in imported(path)
        if name.split(".")[0] in FORBIDDEN[room]
    ]
    assert modules(room)
    assert upward == []


def test_every_part_of_ser_has_a_layer() -> None:
    parts = {path.relative_to(ROOT / "ser").with_suffix("").parts[0] for path in modules("ser")} - {"__init__"}
    assert sorted(parts - set(RANK)) == [], "give the new part its place in LAYERS"


def test_parts_of_ser_import_only_from_their_own_layer_and_those_below() -> None:
    upward = []
    for path in modules("ser"):
        own = path.relative_to(ROOT / "ser").with_suffix("").parts[0]
        for name, line in imported(path):
            part = part_of(name)
            if own != "__init__" and part in RANK and RANK[part] > RANK[own]:
                upward.append(f"{path.relative_to(ROOT)}:{line} ({own}) imports {name}")
    assert upward == []


def test_relative_imports_are_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    module = tmp_path / "ser" / "features" / "some.py"
    module.parent.mkdir(parents=True)
    module.write_text("from ..model import network\nfrom . import store\ndef f():\n    import optuna.trial\n")
    assert [name for name, _ in imported(module)] == ["ser.model.network", "ser.features.store", "optuna.trial"]


def test_the_command_line_answers_without_heavy_imports() -> None:
    code = f"import sys, studies.cli.main; print([name for name in {HEAVY!r} if name in sys.modules])"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == "[]"


def test_looking_at_the_studies_imports_no_tracker(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from studies.storages.home import Home; from studies.search.summaries import summaries\n"
        "storage = Home(Path(sys.argv[1])).storage; storage.open(); summaries(storage)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert (answer.returncode, answer.stdout.strip()) == (0, "[]"), answer.stderr
