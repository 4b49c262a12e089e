"""Results of small folds against stored ones: no change of results goes unnoticed.

Numbers are compared to a part in 10,000, not to the bit: processors with other vector units round
sums differently, which these few steps carry into the sixth digit (6e-6 was the most, with the
vector units switched off). A change of the method moves them by far more.
"""

import json
from typing import Any

import pytest

from ser.identity import RESULTS_VERSION
from tests.ser.golden.make_golden import PATH, VARIANTS, golden_results

RELATIVE = 1e-4
# Shares and scores near 0 are compared on the scale of a share.
ABSOLUTE = 1e-5

REMEDY = (
    "If the change is meant, raise ser.identity.RESULTS_VERSION (studies then train again instead of mixing old "
    "and new results) and run `python -m tests.ser.golden.make_golden`; if not, find what moved the results."
)


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return golden_results()


def test_the_stored_results_are_of_this_version(stored: dict[str, Any]) -> None:
    assert stored["results_version"] == RESULTS_VERSION, (
        f"RESULTS_VERSION is {RESULTS_VERSION}, the stored results are of version {stored['results_version']}: "
        "run `python -m tests.ser.golden.make_golden` and commit the file with the change"
    )
    assert set(stored["results"]) == set(VARIANTS)


def numbers(result: Any, place: str = "") -> dict[str, float]:
    """All numbers of nested lists and dictionaries, by their place."""
    if isinstance(result, dict | list):
        inner = result.items() if isinstance(result, dict) else enumerate(result)
        return {name: value for key, each in inner for name, value in numbers(each, f"{place}/{key}").items()}
    return {place: result}


@pytest.mark.parametrize("variant", VARIANTS)
def test_results_have_not_changed_unnoticed(variant: str, stored: dict[str, Any], found: dict[str, Any]) -> None:
    expected, now = numbers(stored["results"][variant]), numbers(found["results"][variant])
    assert expected.keys() == now.keys(), f"other numbers than those stored. {REMEDY}"
    moved = {
        place: (value, now[place])
        for place, value in expected.items()
        if now[place] != pytest.approx(value, rel=RELATIVE, abs=ABSOLUTE)
    }
    assert not moved, (
        f"results of {variant} moved at RESULTS_VERSION {RESULTS_VERSION} (torch {found['torch']}, stored with "
        f"{stored['torch']}); first (stored, now): {dict(list(moved.items())[:3])}. {REMEDY}"
    )
