"""Choice of a variant: by validation alone, and by simplicity among equals."""

from dataclasses import replace
from typing import Any

import pytest

from ser.errors import StudyError
from studies.models import choice
from studies.models.choice import choose_variant
from studies.search.started_trials import CodeVersions, StartedTrial
from studies.search.summaries import list_studies
from studies.storages.home import Home
from tests.support.toy_coordinator import StudyFixture, plan_of
from tracking.results.store import ResultStore

PLAN = plan_of("none", "quantum")


@pytest.fixture
def chosen(place: StudyFixture, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Chooses a variant of a study whose trials have given validation UAs."""
    place.start(plan_of("none"))
    (study,) = list_studies(Home(place.folder).storage)
    results = ResultStore(place.folder / "results")
    monkeypatch.setattr(choice, "find_versions", lambda study, results: CodeVersions("", 0))

    def choose(uas: dict[tuple[str, int], float | None], label: str | None = None, **changes: Any) -> str:
        trials = [
            StartedTrial(
                configuration=next(p for p in PLAN.points("fp32") if p.attention == attention).model_copy(
                    update={"seed": seed}
                ),
                identity=f"{attention}{seed}",
                folds={},
                state=None,  # type: ignore[arg-type]
                mean_validation_ua=ua,
                pruned=None,
                failure=None,
            )
            for (attention, seed), ua in uas.items()
        ]
        trials = [replace(trial, **changes) for trial in trials]
        monkeypatch.setattr(choice, "started_trials", lambda study, versions: trials)
        return choose_variant(study, results, label).label

    return choose


def test_highest_mean_over_seeds_is_chosen(chosen: Any) -> None:
    assert chosen({("none", 1): 0.7, ("none", 2): 0.5, ("quantum", 1): 0.61, ("quantum", 2): 0.61}) == "quantum · words"
    assert chosen({("none", 1): 0.7, ("none", 2): 0.6, ("quantum", 1): 0.61, ("quantum", 2): 0.61}) == "none · words"


def test_simplest_of_equal_variants_is_chosen(chosen: Any) -> None:
    assert chosen({("quantum", 1): 0.6, ("none", 1): 0.6}) == "none · words"


def test_variant_is_named_by_a_part_of_its_label(chosen: Any) -> None:
    uas = {("quantum", 1): 0.5, ("none", 1): 0.6}
    assert chosen(uas, "quantum") == "quantum · words"
    with pytest.raises(StudyError, match="unknown variant 'local'"):
        chosen(uas, "local")
    with pytest.raises(StudyError, match="variant 'words' may be any of: quantum · words, none · words"):
        chosen(uas, "words")


def test_incomplete_and_pruned_trials_are_not_chosen(chosen: Any) -> None:
    with pytest.raises(StudyError, match="no complete trial"):
        chosen({("none", 1): 0.6}, pruned="too low")
    with pytest.raises(StudyError, match="no complete trial"):
        chosen({("none", 1): None})


def test_missing_file_of_a_fold_is_named(chosen: Any) -> None:
    reason = (
        r"each of its 2 ended trials lacks the file of a fold, such as \S+/results/lost\.safetensors; run its command"
    )
    with pytest.raises(StudyError, match=reason):
        chosen({("none", 1): 0.6, ("none", 2): 0.7}, folds={"lost": None})


def test_unknown_versions_are_no_lack_of_trials(chosen: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "find_versions", lambda study, results: None)
    with pytest.raises(StudyError, match="no result here tells with which versions it was trained"):
        chosen({("none", 1): 0.6})
