"""Tables of an earlier report in the folder of a later one, which lacks them."""

from pathlib import Path

import numpy as np

from tests.support.scored_trials import World, baseline, configuration, table_of, trial
from tracking.analysis.comparison.overview import Analysis, analyse
from tracking.analysis.report import write_report
from tracking.analysis.report_context import ReportContext, UtteranceMap

PAPER_SIZED = World(corpus="iemocap", per_speaker=294, synthetic=False)


def full_analysis() -> Analysis:
    """Two recipes and a baseline on as many utterances as the paper tested."""
    recipes = {"paper": 1, "quick": 3}
    trials = [trial(PAPER_SIZED, configuration(stack=stack), recipe=recipe) for recipe, stack in recipes.items()]
    return analyse(table_of(*trials, baselines=(baseline(PAPER_SIZED),)))


def names_in(folder: Path) -> set[str]:
    return {path.name for path in (folder / "tables").iterdir()}


def test_tables_that_a_report_no_longer_has_are_removed(tmp_path: Path) -> None:
    drawn = UtteranceMap("frames", ("u",), ("s",), ("anger",), np.zeros((1, 2)), (1.0, 0.0))
    write_report(full_analysis(), tmp_path / "used", ReportContext(utterance_map=drawn))
    former = names_in(tmp_path / "used")
    one_fold = analyse(table_of(trial(World(), configuration(), folds=[4])))
    for folder in ("used", "fresh"):
        write_report(one_fold, tmp_path / folder)
    assert names_in(tmp_path / "used") == names_in(tmp_path / "fresh")
    removed = former - names_in(tmp_path / "used")
    suffixes = ("csv", "tex", "md")
    tables = {f"{name}.{suffix}" for name in ("attention_by_labels_2", "beside_the_paper") for suffix in suffixes}
    assert removed == tables | {"map.csv", "reliability.csv", "tests_classical.csv"}


def test_what_a_user_put_beside_the_tables_stays(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    of_user = {"mine.csv", "map.tex", "attention_by_labels_mine.csv", "beside_the_paper.pdf", "reliability.csv.bak"}
    for name in of_user:
        (tmp_path / "tables" / name).write_text("mine")
    write_report(analyse(table_of()), tmp_path)
    assert of_user <= names_in(tmp_path)
