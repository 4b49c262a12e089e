"""Tables beside the tests: how large each difference is and what could have been shown, and what each test means."""

from tracking.analysis.comparison.caveats import ua_only
from tracking.analysis.comparison.comparison import Comparison
from tracking.analysis.comparison.interpretation import TEST_NOTES
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.report.tables.formatting import EM_DASH, format_percent, format_points
from tracking.analysis.report.tables.model import Cell, Column, Table, number_cell, text_cell, wa_column

NEEDED_FOR = (0.01, 0.02, 0.05)
"""True differences, 0..1, for which the table says how many speakers they need."""

_NOTHING = "nothing"


def sensitivity_table(overview: Analysis) -> Table:
    """Effect sizes, the deviations between speakers and seeds, and the differences that could have been shown."""
    made, muted = overview.comparisons.comparisons, ua_only(overview)
    seeds = any(one.effects.seeds.std is not None for one in made)
    columns = (
        Column("variant", numeric=False),
        Column("baseline", numeric=False),
        Column("asked", "settings in which the two differ, or the question of the pair", numeric=False),
        Column("ΔUA", "pooled UA less the baseline's, percentage points"),
        *([Column("± seeds", "standard deviation of ΔUA over seeds, points")] if seeds else []),
        Column("± speakers", "standard deviation of ΔUA over speakers, points"),
        Column("gain", "speakers who gain, of all"),
        Column("g", "mean of the speakers' ΔUA in units of their deviation, Hedges' g"),
        Column("h UA", "Cohen's h of the two UAs; .2 is called small"),
        wa_column("h WA", "Cohen's h of the two WAs; .2 is called small", muted),
        Column("shown alone", "smallest true ΔUA that this comparison alone shows four times in five, points"),
        Column(
            "shown first",
            f"the same for the first to be shown of {overview.comparisons.family_size}, by Holm's method, points",
        ),
        *(
            Column(f"speakers for {100 * one:g}", "speakers who show such a ΔUA four times in five")
            for one in NEEDED_FOR
        ),
    )
    return Table(
        "sensitivity",
        "Size of the differences, and what could have been shown",
        "A 'no difference shown' says little where only a large difference could have been. From a one-tailed paired "
        "t-test over speakers at 5% whose deviation is the observed one; power 80%. 'nothing': no difference, however "
        "large, since the sign-flip test over so few speakers has no p small enough.",
        columns,
        tuple(_cells(one, seeds) for one in made),
    )


def _cells(made: Comparison, seeds: bool) -> tuple[Cell, ...]:
    effects, sensitivity = made.effects, made.power
    deviation, gaining = effects.seeds.std, effects.improved_speakers
    return (
        text_cell(made.variant),
        text_cell(made.baseline),
        text_cell(made.question),
        number_cell(format_points(made.ua_speakers.difference), made.ua_speakers.difference),
        *([number_cell(format_percent(deviation), deviation)] if seeds else []),
        number_cell(format_percent(sensitivity.between_speaker_std), sensitivity.between_speaker_std),
        number_cell(f"{gaining} of {sensitivity.speakers}", gaining),
        _decimal(effects.hedges_g),
        _decimal(effects.h_ua),
        _decimal(effects.h_wa),
        _detectable(made, 1),
        _detectable(made, sensitivity.family_size),
        *(_needed(made, difference) for difference in NEEDED_FOR),
    )


def _decimal(value: float | None) -> Cell:
    return number_cell(EM_DASH if value is None else f"{value:.2f}".replace("-", "−"), value)


def _detectable(made: Comparison, comparisons: int) -> Cell:
    if not made.power.between_speaker_std:
        return number_cell(EM_DASH, None)
    difference = made.power.minimum_difference(comparisons)
    return number_cell(_NOTHING if difference is None else format_percent(difference), difference)


def _needed(made: Comparison, difference: float) -> Cell:
    speakers = made.power.required_speakers(difference)
    return number_cell(EM_DASH if speakers is None else str(speakers), speakers)


def test_notes_table() -> Table:
    """What each test means and how far to trust it."""
    names = ("test", "what is computed", "what must hold", "how far to trust it", "source")
    return Table(
        "which_test",
        "Which test to believe",
        "In the order of the table of tests.",
        tuple(Column(name, numeric=False) for name in names),
        tuple(
            tuple(text_cell(words) for words in (one.name, one.statistic, one.assumption, one.reliability, one.source))
            for one in TEST_NOTES
        ),
    )
