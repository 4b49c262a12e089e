from tests.support.scored_trials import World, baseline, configuration, table_of, trial
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.figures.data import scope_series
from tracking.analysis.figures.search import MAX_LINES
from tracking.analysis.report.details import calibrations, hardest_decisions
from tracking.analysis.report.figures import MAX_PANELS, leading_pair, render_figures, shown_variants
from tracking.analysis.report.tables.search import scope_table
from tracking.analysis.variants.choice import choose_variant
from tracking.analysis.variants.naming import FIXED

RATES = (0.0003, 0.0005, 0.0007, 0.001, 0.0014, 0.002, 0.003)
FEW = World(per_speaker=8)


def test_reportable_variants_have_panels_first():
    swept = [
        trial(FEW, configuration(attention, learning_rate=rate))
        for attention in ("none", "component")
        for rate in RATES
    ]
    analysis = analyse(table_of(*swept))
    named = {variant.label for variant in analysis.reportable}
    assert len(named) == 2
    shown = shown_variants(analysis)
    assert len(shown) == MAX_PANELS < len(analysis.variants)
    assert named <= {variant.label for variant in shown}
    others = [variant.configuration.attention for variant in shown if variant.label not in named]
    assert others.count("none") == len(RATES)
    assert (
        "12 of 16 variants: reportable ones first, then their baselines"
        in render_figures(analysis, (), {}, None).panels_note
    )


def test_no_note_where_all_variants_have_panels():
    analysis = analyse(table_of(trial(FEW, configuration()), trial(FEW, configuration("quantum"))))
    assert len(shown_variants(analysis)) == 2
    assert render_figures(analysis, (), {}, None).panels_note == ""


def test_the_winner_is_shown_beside_its_baseline():
    plain, quantum = trial(FEW, configuration(), 0.4), trial(FEW, configuration("quantum"), 0.8)
    assert [row.label for row in leading_pair(analyse(table_of(plain, quantum)))] == [
        "quantum · phonemes",
        "none · phonemes",
    ]


def test_of_a_sweep_the_choice_per_fold_is_shown_in_detail():
    swept = [trial(FEW, configuration("local", scope=scope), 0.7 + scope / 100) for scope in (5, 9)]
    analysis = analyse(table_of(trial(FEW, configuration(), 0.4), *swept))
    choice = "local · selected per fold · phonemes"
    assert choose_variant(analysis.variants).label != choice
    assert [row.label for row in leading_pair(analysis)] == [choice, "none · phonemes"]
    assert list(calibrations(analysis)) == [choice, "none · phonemes"]
    assert hardest_decisions(analysis)[0].label == choice


def test_a_swept_baseline_is_shown_beside_its_rival():
    swept = [trial(FEW, configuration(learning_rate=rate), 0.8) for rate in RATES[:2]]
    analysis = analyse(table_of(*swept, trial(FEW, configuration("quantum", learning_rate=RATES[0]), 0.4)))
    first, baseline = leading_pair(analysis)
    assert (first.label.split()[0], first.kind) == ("quantum", FIXED)
    assert analysis.comparison_of(first.label).baseline == baseline.label


def test_a_winning_baseline_is_shown_beside_its_rival():
    plain, quantum = trial(FEW, configuration(), 0.8), trial(FEW, configuration("quantum"), 0.4)
    assert [row.label for row in leading_pair(analyse(table_of(plain, quantum)))] == [
        "quantum · phonemes",
        "none · phonemes",
    ]


def test_a_winner_alone_is_shown_beside_logistic_regression():
    alone = trial(FEW, configuration())
    assert [row.label for row in leading_pair(analyse(table_of(alone, baselines=(baseline(FEW),))))] == [
        "none · phonemes",
        "logistic regression",
    ]
    assert leading_pair(analyse(table_of())) == ()


def test_scopes_beyond_those_told_apart_are_in_the_table_alone():
    rates = [0.0001 * (index + 1) for index in range(MAX_LINES + 1)]
    trials = [trial(FEW, configuration("local", scope=s, learning_rate=rate)) for rate in rates for s in (5, 9)]
    analysis = analyse(table_of(*trials))
    series = scope_series(analysis.variants)
    figures = render_figures(analysis, series, {}, None)
    assert figures.scopes_note == f"{MAX_LINES} of {len(rates)} variants are drawn; the table has all."
    assert f"of {MAX_LINES} variants" in figures.scopes.wide
    assert len(scope_table(analysis, series).rows) == len(rates)
    assert render_figures(analysis, series[:MAX_LINES], {}, None).scopes_note == ""
