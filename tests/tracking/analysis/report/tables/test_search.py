"""Table of UA over the scope, with the choices per fold."""

from tests.support.scored_trials import World, configuration, encoder_layer, table_of, trial
from tracking.analysis.comparison.overview import Analysis, analyse
from tracking.analysis.figures.data import scope_series
from tracking.analysis.report.tables.search import scope_table
from tracking.analysis.variants.naming import SELECTED

WORLD = World(speakers=6, per_speaker=8)
TINY = encoder_layer(2)


def scope_rows(analysis: Analysis) -> dict[str, dict[str, str]]:
    table = scope_table(analysis, scope_series(analysis.variants))
    titles = [column.title for column in table.columns]
    return {row[0].text: dict(zip(titles, (cell.text for cell in row), strict=True)) for row in table.rows}


def test_each_front_end_has_its_own_choice_per_fold() -> None:
    log_mels = [trial(WORLD, configuration("local", scope=scope), 0.5) for scope in (5, 9)]
    encoder = [trial(WORLD, configuration("local", scope=scope, features=TINY), 0.9) for scope in (5, 9)]
    analysis = analyse(table_of(*log_mels, *encoder))
    uas = {variant.label: f"{100 * variant.scores.ua.mean:.1f}" for variant in analysis.variants}
    rows = scope_rows(analysis)
    assert rows["local · phonemes"][SELECTED] == uas["local · selected per fold · phonemes"]
    assert rows["local · phonemes · tiny@2"][SELECTED] == uas["local · selected per fold · phonemes · tiny@2"]
    assert len({row[SELECTED] for row in rows.values()}) == 2


def test_a_choice_that_lacks_a_fold_is_marked() -> None:
    complete = [trial(WORLD, configuration("local", scope=scope)) for scope in (5, 9)]
    unfinished = trial(WORLD, configuration("local", scope=11), folds=[0])
    more_seeds = trial(WORLD, configuration("local", scope=9, seed=2))
    assert not scope_rows(analyse(table_of(*complete)))["local · phonemes"][SELECTED].endswith("†")
    assert scope_rows(analyse(table_of(*complete, unfinished)))["local · phonemes"][SELECTED].endswith("†")
    assert scope_rows(analyse(table_of(*complete, more_seeds)))["local · phonemes"][SELECTED].endswith("‡")
