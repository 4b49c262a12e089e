"""Table of UA on unseen speakers, and its sentence."""

import pytest

from tests.support.scored_trials import World, configuration, table_of, trial
from tracking.analysis.comparison.overview import Analysis, analyse
from tracking.analysis.report.unseen import unseen_table
from tracking.analysis.report_context import UnseenSpeakers
from tracking.analysis.variants.choice import choose_variant


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    world = World(per_speaker=8)
    return analyse(table_of(*(trial(world, configuration(name), 0.6) for name in ("none", "quantum"))))


def test_the_sentence_says_what_is_left(analysis: Analysis) -> None:
    first, second = analysis.variants
    scores = UnseenSpeakers({first.label: {16: 0.5, 4: 0.45, 1: 0.3, 0: 0.25}}, ("a note",))
    table = unseen_table(analysis, scores)
    full = f"{100 * first.scores.ua.mean:.1f}"
    assert table.caption.startswith(
        f"{first.label} has {full}% UA where all recordings of a speaker are at hand, 50.0% with 16 recordings, 45.0% "
        "with 4 recordings, 30.0% with 1 recording and 25.0% with statistics of the training speakers."
    )
    assert table.caption.endswith("A note. ser report --unseen adds the other variants.")
    (row,) = table.rows
    assert [cell.text for cell in row] == [first.label, full, "50.0", "45.0", "30.0", "25.0"]
    assert [column.title for column in table.columns][-2:] == ["1 recording", "none"]
    both = unseen_table(analysis, UnseenSpeakers({label: {1: 0.3, 0: 0.2} for label in (first.label, second.label)}))
    assert len(both.rows) == 2
    assert "--unseen" not in both.caption


def test_a_report_of_a_sweep_offers_the_variants_that_are_left() -> None:
    world = World(per_speaker=8)
    points = [configuration("component", scope=scope) for scope in (3, 9, 15)]
    analysis = analyse(table_of(*(trial(world, point, 0.6) for point in points)))
    ua = {variant.label: {1: 0.3, 0: 0.2} for variant in analysis.variants}
    winner, choice = choose_variant(analysis.variants), analysis.reported_winner
    assert winner is not None
    assert choice is not None
    default = UnseenSpeakers({variant.label: ua[variant.label] for variant in (winner, choice)})
    assert unseen_table(analysis, default).caption.endswith("--unseen adds the other variants.")
    assert "--unseen" not in unseen_table(analysis, UnseenSpeakers(ua)).caption


def test_a_variant_that_asks_for_no_speaker_says_so(analysis: Analysis) -> None:
    first = analysis.variants[0]
    ua = dict.fromkeys((16, 4, 1, 0), first.scores.ua.mean)
    caption = unseen_table(analysis, UnseenSpeakers({first.label: ua})).caption
    assert caption.startswith(f"{first.label} needs no statistics of a speaker: its UA is")
