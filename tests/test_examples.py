"""The examples in docstrings give what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for room in ("ser", "tracking", "studies")
    for path in (ROOT / room).rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_hold(name: str) -> None:
    tried = doctest.testmod(importlib.import_module(name))
    assert tried.attempted > 0
    assert tried.failed == 0


def test_every_statistic_has_an_example() -> None:
    for name in ("effect_sizes", "power", "proportions", "sign_flip"):
        module = importlib.import_module(f"tracking.analysis.statistics.{name}")
        public = [
            one for one in vars(module).values() if callable(one) and getattr(one, "__module__", "") == module.__name__
        ]
        functions = [one for one in public if not isinstance(one, type) and not one.__name__.startswith("_")]
        assert functions
        assert [one.__name__ for one in functions if ">>> " not in (one.__doc__ or "")] == []
