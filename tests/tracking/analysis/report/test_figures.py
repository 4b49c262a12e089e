from tests.support.scored_trials import World, configuration, table_of, trial
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.report.figures import MOST_PANELS, render_figures, shown_variants

RATES = (0.0003, 0.0005, 0.0007, 0.001, 0.0014, 0.002, 0.003)
FEW = World(per_speaker=8)


def test_where_not_all_have_panels_those_that_may_be_named_come_first():
    swept = [trial(FEW, configuration(one, learning_rate=rate)) for one in ("none", "component") for rate in RATES]
    overview = analyse(table_of(*swept))
    named = {entry.label for entry in overview.reportable}
    assert len(named) == 2
    shown = shown_variants(overview)
    assert len(shown) == MOST_PANELS < len(overview.variants)
    assert named <= {entry.label for entry in shown}
    others = [entry.configuration.attention for entry in shown if entry.label not in named]
    assert others.count("none") == len(RATES)
    assert "12 of 16 variants: first those that may be named" in render_figures(overview, ()).panels_note


def test_where_all_have_panels_nothing_is_said():
    overview = analyse(table_of(trial(FEW, configuration()), trial(FEW, configuration("quantum"))))
    assert len(shown_variants(overview)) == 2
    assert render_figures(overview, ()).panels_note == ""
