"""Family of comparisons of a report: p-values adjusted for their number, and the verdicts that rest on them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ser.errors import ComparisonError
from tracking.analysis.comparison.baselines import CLASSICAL_EFFECT, PlannedComparison
from tracking.analysis.comparison.comparability import is_comparable
from tracking.analysis.comparison.comparison import (
    Comparison,
    JointTest,
    Verdict,
    compare,
    compare_comparable,
)
from tracking.analysis.comparison.request import DEFAULT_REQUEST, ComparisonRequest, plan_comparisons, shown_labels
from tracking.analysis.statistics.joint_sign_flips import joint_sign_flips
from tracking.analysis.statistics.power import ALPHA, first_level
from tracking.analysis.statistics.proportions import holm_adjust
from tracking.analysis.variants.classical import ScoredBaseline, ScoredClassifier
from tracking.analysis.variants.naming import FIXED
from tracking.analysis.variants.scores import ScoredVariant


@dataclass(frozen=True)
class SkippedComparison:
    """Comparison that is missing from the report, with the reason."""

    variant: str
    baseline: str
    reason: str


@dataclass(frozen=True)
class Family:
    """Comparisons that are tested together.

    Attributes:
        planned: Every planned comparison of the report, made or not: the family of Holm's adjustment.
        tested: Comparisons in the joint test.
        represented: Comparisons of single points of a sweep, which 'selected per fold' stands for.
        missing: Comparisons that belong to the joint test and could not be made.
        speakers: Speakers of all comparisons in the joint test.
        same_speakers: Whether these comparisons all have the same speakers.
        margin: Margin of equivalence, UA, 0..1.
    """

    planned: int
    tested: int
    represented: int
    missing: int
    speakers: int
    same_speakers: bool
    margin: float


@dataclass(frozen=True)
class Comparisons:
    """Comparisons of one report.

    Attributes:
        comparisons: Comparisons with their verdicts, in the order of the variants.
        skipped: Planned comparisons that are missing, and variants without a baseline.
        family: Their family.
    """

    comparisons: tuple[Comparison, ...]
    skipped: tuple[SkippedComparison, ...]
    family: Family


def compare_variants(
    variants: Sequence[ScoredVariant],
    request: ComparisonRequest = DEFAULT_REQUEST,
    classical: Sequence[ScoredBaseline] = (),
) -> Comparisons:
    """Make every comparison of a report and adjust for their number.

    The family is fixed by the plan, without regard to results or to what is shown. In the joint test are all planned
    comparisons but those of single points of a sweep that 'selected per fold' stands for. One that has to wait for a
    fold has no data yet, and joins once it is made; Holm's adjustment counts it at once.

    Args:
        variants: All variants of the report, both kinds.
        request: What is compared with what.
        classical: All classical baselines of the report; comparisons with them belong to the family where the
            request names a baseline by its label, be it one of them or not (see `compare_with_classical`).

    Returns:
        Comparisons, skipped ones with the reason, and the family.

    Raises:
        ComparisonError: The request names what is not among the variants.
    """
    planned, unpaired = plan_comparisons(variants, request, classical)
    shown = shown_labels(variants, request, classical)
    outcomes = [_try_compare(comparison) for comparison in planned]
    represented = _represented(planned)
    family, judged = _judge_family(outcomes, represented, request.margin)
    comparisons: list[Comparison] = []
    skipped: list[SkippedComparison] = []
    hidden: list[SkippedComparison] = []
    for outcome in judged:
        if isinstance(outcome, SkippedComparison):
            skipped.append(outcome)
        elif outcome.variant in shown:
            comparisons.append(outcome)
        else:
            hidden.append(SkippedComparison(outcome.variant, outcome.baseline, "not requested; p-values count it"))
    skipped += [SkippedComparison(label, "", reason) for label, reason in unpaired]
    return Comparisons(tuple(comparisons), (*skipped, *hidden), family)


def compare_with_classical(
    variants: Sequence[ScoredVariant], classical: Sequence[ScoredBaseline]
) -> tuple[Comparison, ...]:
    """Compare every variant with every classical baseline that was tested alike, each comparison alone.

    They answer no question of the sweep, and belong to no family unless they are requested (`--baseline`): so they have
    neither adjusted p-values nor a verdict.

    Returns:
        Comparisons in the order of the variants, then of the baselines; H1 of every test: the variant is better.
    """
    comparisons = [comparison for baseline in classical for comparison in _compare_comparable(variants, baseline)]
    rank = {variant.label: index for index, variant in enumerate(variants)}
    return tuple(sorted(comparisons, key=lambda comparison: rank[comparison.variant]))


def _compare_comparable(variants: Sequence[ScoredVariant], baseline: ScoredBaseline) -> list[Comparison]:
    """Compare those variants with a baseline that were tested alike, all of the same sessions at once."""
    batches: dict[tuple[str | None, ...], list[ScoredVariant]] = {}
    for variant in variants:
        if is_comparable(variant, baseline):
            batches.setdefault(variant.predictions.sessions, []).append(variant)
    return [made for batch in batches.values() for made in compare_comparable(batch, baseline, CLASSICAL_EFFECT)]


def _try_compare(planned: PlannedComparison) -> Comparison | SkippedComparison:
    try:
        return compare(planned.variant, planned.baseline, planned.question)
    except ComparisonError as error:
        variant, baseline = planned.variant.label, planned.baseline.label
        return SkippedComparison(variant, baseline, str(error).removeprefix(f"{variant} against {baseline}: "))


def _represented(planned: Sequence[PlannedComparison]) -> list[bool]:
    """Tell for each comparison whether it is of a single point of a sweep that 'selected per fold' stands for.

    It does where it is compared, too, now or once its folds are there, and the baseline is not a point of the same
    sweep: such a comparison asks about the points themselves.
    """
    choices = [comparison.variant for comparison in planned if isinstance(comparison.variant, ScoredVariant)]
    sweeps = [_trial_ids(choice) for choice in choices if choice.stands_for_points]
    return [
        comparison.variant.kind == FIXED
        and any(
            _trial_ids(comparison.variant) <= sweep and sweep.isdisjoint(_trial_ids(comparison.baseline))
            for sweep in sweeps
        )
        for comparison in planned
    ]


def _trial_ids(variant: ScoredClassifier) -> set[str]:
    return {trial.trial_id for trial in variant.trials}


def _judge_family(
    outcomes: Sequence[Comparison | SkippedComparison], represented: Sequence[bool], margin: float
) -> tuple[Family, list[Comparison | SkippedComparison]]:
    """Adjust all p-values for the family, and judge its comparisons."""
    pairs = list(zip(outcomes, represented, strict=True))
    members = {
        index: outcome
        for index, (outcome, outside) in enumerate(pairs)
        if isinstance(outcome, Comparison) and not outside and outcome.ua_speakers.has_enough_speakers
    }
    joint_tests, critical_sum, speakers = _test_jointly(list(members.values()), margin)
    tests = dict(zip(members, joint_tests, strict=True))
    judged: list[Comparison | SkippedComparison] = []
    for index, (outcome, holm_p) in enumerate(
        zip(outcomes, holm_adjust(list(map(_raw_p_value, outcomes))), strict=True)
    ):
        if isinstance(outcome, SkippedComparison):
            judged.append(outcome)
            continue
        joint, power = tests.get(index), outcome.power
        if joint is not None:
            power = replace(power, first_level=first_level(critical_sum, power.speakers))
        judged.append(replace(outcome, holm_p=holm_p, joint=joint, verdict=_verdict(outcome, joint), power=power))
    family = Family(
        planned=len(outcomes),
        tested=len(members),
        represented=sum(represented),
        missing=sum(isinstance(outcome, SkippedComparison) and not outside for outcome, outside in pairs),
        speakers=speakers,
        same_speakers=len({member.by_speaker.speakers for member in members.values()}) <= 1,
        margin=margin,
    )
    return family, judged


def _test_jointly(members: Sequence[Comparison], margin: float) -> tuple[list[JointTest], float, int]:
    """Test a family by joint sign flips over the speakers of all its comparisons.

    Equivalence is shown by two one-sided tests: the speakers' differences moved up by the margin are above 0, and so
    are those that are turned round and moved likewise. Both tests of all comparisons are one family.

    Returns:
        The tests, the standardised sum that the first has to exceed to be better, and the number of speakers.
    """
    if not members:
        return [], 0.0, 0
    names = sorted({name for member in members for name in member.by_speaker.speakers})
    contributions = _align([(member.by_speaker.speakers, member.by_speaker.contributions) for member in members], names)
    margins = margin * _align([(member.by_speaker.speakers, member.by_speaker.weights) for member in members], names)
    better, worse = joint_sign_flips(contributions, ALPHA), joint_sign_flips(-contributions, ALPHA)
    within = joint_sign_flips(np.concatenate([margins + contributions, margins - contributions]), ALPHA)
    within_p = within.p_values.reshape(2, len(members)).max(axis=0)
    rows = zip(better.p_values.tolist(), worse.p_values.tolist(), within_p.tolist(), strict=True)
    return [JointTest(*p_values, margin) for p_values in rows], better.critical_sum, len(names)


def _align(
    values_by_speaker: Sequence[tuple[tuple[str, ...], NDArray[np.float64]]], names: Sequence[str]
) -> NDArray[np.float64]:
    """Arrange values by speaker in columns, shape `(comparison, name)`; 0 where a comparison lacks a speaker."""
    columns = {name: index for index, name in enumerate(names)}
    table = np.zeros((len(values_by_speaker), len(names)))
    for row, (speakers, values) in zip(table, values_by_speaker, strict=True):
        row[[columns[speaker] for speaker in speakers]] = values
    return table


def _raw_p_value(outcome: Comparison | SkippedComparison) -> float | None:
    return None if isinstance(outcome, SkippedComparison) else outcome.ua_speakers.claimable_p


def _verdict(comparison: Comparison, joint: JointTest | None) -> Verdict:
    if not comparison.ua_speakers.has_enough_speakers:
        return Verdict.NO_CLAIM
    if joint is None:
        return Verdict.REPRESENTED
    verdicts = (
        (Verdict.BETTER, joint.better_p),
        (Verdict.WORSE, joint.worse_p),
        (Verdict.WITHIN_MARGIN, joint.within_p),
    )
    return next((verdict for verdict, p in verdicts if p <= ALPHA), Verdict.NO_DIFFERENCE)
