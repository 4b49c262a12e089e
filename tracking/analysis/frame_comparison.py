"""Comparison of variants in a tidy table of decisions, which may hold those of any other recogniser, too."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ser.errors import ComparisonError, unknown_value_message
from tracking.analysis.statistics.joint_sign_flips import joint_sign_flips
from tracking.analysis.statistics.proportions import proportions_ztest
from tracking.analysis.statistics.sign_flip import MIN_SPEAKERS, sign_flip, ua_contributions

_COLUMNS = ("variant", "seed", "utterance", "speaker", "true", "decided")


@dataclass(frozen=True, eq=False)
class _Decisions:
    """Decisions of a variant.

    Attributes:
        correct: Share of seeds that decided rightly, 0..1, by utterance in the order of the baseline's, sorted.
        seeds: Number of seeds.
    """

    correct: NDArray[np.float64]
    seeds: int


def compare(results: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """Compare every variant of a table with one of them, by the tests of the report.

    Seeds are averaged within an utterance first: they are never more utterances.

    Args:
        results: Decisions, as `studies.results` gives them. Needed are the columns variant, seed, utterance, speaker,
            true and decided.
        baseline: The variant with which all others are compared.

    Returns:
        One row for each other variant, UA in 0..1: ua, ua_baseline and their difference with its 95% interval (low,
        high) over speakers; p of the sign-flip test over speakers for the row alone, and p_joint of joint sign flips,
        adjusted for all rows, which both take speakers for independent and are NaN with fewer than `MIN_SPEAKERS`; z
        and z_p of the literature's z-test of UA, which takes utterances for independent. All are one-tailed, H1: the
        variant is better.

    Raises:
        ComparisonError: A column or a value is missing, the baseline is unknown, or variants were tested on different
            utterances.
    """
    variants = _variants(results, baseline)
    reference = results[results["variant"] == baseline]
    utterances = reference.drop_duplicates("utterance").set_index("utterance").sort_index()
    emotions = sorted(set(utterances["true"]))
    actual = np.array([emotions.index(emotion) for emotion in utterances["true"]], dtype=np.int64)
    names, speakers = np.unique(utterances["speaker"].to_numpy(dtype=str), return_inverse=True)

    def split_among_speakers(correct: NDArray[np.float64]) -> NDArray[np.float64]:
        return ua_contributions(correct, actual, speakers.astype(np.int64), len(emotions))

    decisions = {name: _decisions(name, results[results["variant"] == name], utterances) for name in variants}
    of_baseline = decisions.pop(baseline).correct
    ua_baseline = float(split_among_speakers(of_baseline).sum())
    rows, contributions = [], []
    for name, variant in decisions.items():
        correct = variant.correct
        contributions.append(split_among_speakers(correct - of_baseline))
        ua = float(split_among_speakers(correct).sum())
        z_test = proportions_ztest(ua, ua_baseline, len(actual), len(actual))
        rows.append(
            {
                "variant": name,
                "baseline": baseline,
                "seeds": variant.seeds,
                "utterances": len(actual),
                "speakers": len(names),
                "ua": ua,
                "ua_baseline": ua_baseline,
                **_speaker_test(contributions[-1]),
                "z": np.nan if z_test is None else z_test.z,
                "z_p": np.nan if z_test is None else z_test.p,
            }
        )
    frame = pd.DataFrame(rows)
    joint_p = joint_sign_flips(np.array(contributions)).p_values if len(names) >= MIN_SPEAKERS else np.nan
    frame.insert(list(frame.columns).index("p") + 1, "p_joint", joint_p)
    return frame


def _speaker_test(contributions: NDArray[np.float64]) -> dict[str, float]:
    """Return a difference of UA with its interval and its p, NaN where there are too few speakers for them."""
    test = sign_flip(contributions)
    return {
        "difference": test.difference,
        "low": np.nan if test.interval is None else test.interval.low,
        "high": np.nan if test.interval is None else test.interval.high,
        "p": test.p if test.has_enough_speakers else np.nan,
    }


def _variants(results: pd.DataFrame, baseline: str) -> list[str]:
    """List the variants of a table of decisions.

    Raises:
        ComparisonError: A column or a value is missing, or the baseline is unknown or the only variant.
    """
    missing = [name for name in _COLUMNS if name not in results.columns]
    if missing:
        raise ComparisonError(f"results lack the columns {', '.join(missing)}; expected {', '.join(_COLUMNS)}")
    for name in _COLUMNS:
        # Grouping leaves out rows without a value, so that nothing would be checked or counted.
        lacking = results[results[name].isna()]
        if len(lacking):
            variant, utterance = lacking.iloc[0][["variant", "utterance"]]
            raise ComparisonError(
                f"results: column {name} has no value in {len(lacking)} of {len(results)} rows, the first of variant "
                f"{variant}, utterance {utterance}; expected one in every row, such as 1 for a seed"
            )
    variants = list(dict.fromkeys(results["variant"]))
    if not variants:
        raise ComparisonError("results: expected rows of two variants at least, got none")
    if baseline not in variants:
        raise ComparisonError(unknown_value_message("baseline", baseline, variants))
    if len(variants) == 1:
        raise ComparisonError(f"results hold no other variant than {baseline}")
    return variants


def _decisions(name: str, rows: pd.DataFrame, utterances: pd.DataFrame) -> _Decisions:
    """Average over seeds whether a variant decides rightly.

    Raises:
        ComparisonError: A seed has other utterances, or an utterance another emotion or speaker, than the baseline.
    """
    for seed, of_seed in rows.groupby("seed"):
        tested = of_seed.set_index("utterance").sort_index()
        if not tested.index.equals(utterances.index):
            different = len(tested.index.symmetric_difference(utterances.index)) or "some, tested twice,"
            raise ComparisonError(
                f"{name}, seed {seed}: tested on other utterances than the baseline ({different} of "
                f"{len(utterances)} differ); leave the seed or the variant out, or finish its study"
            )
        for column in ("true", "speaker"):
            if not (tested[column] == utterances[column]).all():
                raise ComparisonError(f"{name}, seed {seed}: column {column} differs from the baseline's")
    right = (rows["decided"] == rows["true"]).astype(float)
    correct = right.groupby(rows["utterance"]).mean().sort_index().to_numpy(dtype=np.float64)
    return _Decisions(np.asarray(correct, dtype=np.float64), rows["seed"].nunique())
