"""Tables that explain the tests: effect sizes and power of each comparison, and the meaning of each test."""

from tracking.analysis.comparison.caveats import ua_only
from tracking.analysis.comparison.comparison import Comparison
from tracking.analysis.comparison.interpretation import TEST_NOTES
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.report.tables.rendering.formatting import NOT_APPLICABLE, format_percent
from tracking.analysis.report.tables.rendering.model import (
    Cell,
    Column,
    Table,
    number_cell,
    percent_cell,
    points_cell,
    text_cell,
    wa_column,
)
from tracking.analysis.statistics.power import ALPHA

TRUE_DIFFERENCES = (0.01, 0.02, 0.05)
"""True differences of UA, 0..1, for which the table gives the required number of speakers."""

_NO_DIFFERENCE_DETECTABLE = "nothing"


def sensitivity_table(analysis: Analysis) -> Table:
    """Make the table of effect sizes, deviations between speakers and seeds, and detectable differences."""
    comparisons, greyed_out = analysis.comparisons.comparisons, ua_only(analysis)
    tested = analysis.comparisons.family.tested
    seeds = any(comparison.effects.seeds.std is not None for comparison in comparisons)
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
        wa_column("h WA", "Cohen's h of the two WAs; .2 is called small", greyed_out),
        Column("shown alone", "smallest true ΔUA that this comparison alone shows four times in five, points"),
        Column(
            "shown first",
            f"the same for the first to be shown{f' of {tested}' if tested > 1 else ''} in joint sign flips, points",
        ),
        *(
            Column(f"speakers for {100 * difference:g}", "speakers required to show such a ΔUA four times in five")
            for difference in TRUE_DIFFERENCES
        ),
    )
    return Table(
        "sensitivity",
        "Size of the differences, and what could have been shown",
        "'no difference shown' says little where only a large difference could have been shown. Computed for a "
        "one-tailed paired t-test over speakers at 5% with the observed deviation, power 80%; it takes speakers as "
        "independent, their differences as nearly normal. 'nothing': no difference at all, since the sign-flip test "
        "over so few speakers cannot give a p small enough.",
        columns,
        tuple(_cells(comparison, seeds) for comparison in comparisons),
    )


def _cells(comparison: Comparison, seeds: bool) -> tuple[Cell, ...]:
    effects, power = comparison.effects, comparison.power
    seed_std, improved = effects.seeds.std, effects.improved_speakers
    return (
        text_cell(comparison.variant),
        text_cell(comparison.baseline),
        text_cell(comparison.question),
        points_cell(comparison.ua_speakers.difference),
        *([percent_cell(seed_std)] if seeds else []),
        percent_cell(power.between_speaker_std),
        number_cell(f"{improved} of {power.speakers}", improved),
        _decimal_cell(effects.hedges_g),
        _decimal_cell(effects.h_ua),
        _decimal_cell(effects.h_wa),
        _minimum_difference_cell(comparison, ALPHA),
        _minimum_difference_cell(comparison, power.first_level),
        *(_required_speakers_cell(comparison, difference) for difference in TRUE_DIFFERENCES),
    )


def _decimal_cell(value: float | None) -> Cell:
    return number_cell(NOT_APPLICABLE if value is None else f"{value:.2f}".replace("-", "−"), value)


def _minimum_difference_cell(comparison: Comparison, level: float | None) -> Cell:
    if level is None or not comparison.power.between_speaker_std:
        return number_cell(NOT_APPLICABLE, None)
    difference = comparison.power.minimum_difference(level)
    return number_cell(_NO_DIFFERENCE_DETECTABLE if difference is None else format_percent(difference), difference)


def _required_speakers_cell(comparison: Comparison, difference: float) -> Cell:
    speakers = comparison.power.required_speakers(difference)
    return number_cell(NOT_APPLICABLE if speakers is None else str(speakers), speakers)


def notes_on_tests_table() -> Table:
    """Make the table of what each test computes and assumes, and how reliable it is."""
    names = ("test", "columns", "what is computed", "what must hold", "how far to trust it", "source")
    return Table(
        "which_test",
        "Which test to believe",
        "Tests that decide first.",
        tuple(Column(name, numeric=False) for name in names),
        tuple(
            tuple(
                text_cell(text)
                for text in (
                    note.name,
                    ", ".join(note.columns),
                    note.statistic,
                    note.assumption,
                    note.reliability,
                    note.source,
                )
            )
            for note in TEST_NOTES
        ),
    )
