"""Caveats: what a reader must know to read a number, as a short mark with an explanation."""

from dataclasses import dataclass

from ser.results import MAX_CAPPED_SHARE
from tracking.analysis.comparison.comparison import Comparison
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.statistics.sign_flip import MIN_SPEAKERS
from tracking.analysis.variants.classical import Classifier, ScoredBaseline
from tracking.analysis.variants.naming import FIXED, SELECTED
from tracking.analysis.variants.scores import ScoredVariant

DEVELOPMENT_RECIPES = ("recommended", "quick", "extended")
"""Recipes whose settings were chosen with EmoDB's test scores known."""

SEARCHING_RECIPES = ("extended",)
"""Recipes whose points a search proposes."""

UA_ONLY_CORPORA = ("fau_aibo",)
"""Corpora with classes too unequal for WA; the paper gives their UA only."""


MIN_CHANGED_SHARE = 0.01
"""Below this share of decisions that change without it, an attention hardly acts."""


@dataclass(frozen=True)
class Caveat:
    """Caveat.

    Attributes:
        key: Name in links and tables.
        title: The caveat in a few words.
        text: Its meaning for the reader.
    """

    key: str
    title: str
    text: str


PARTIAL = Caveat(
    "partial",
    "partial",
    "Folds are missing. These scores rest on the folds that exist and will change; they are compared with nothing.",
)
PRUNED = Caveat(
    "pruned",
    "pruned trials set aside",
    "The search stopped trials before their last fold, because others scored higher on validation. They are listed "
    "with the reason, compared with nothing, and are no candidates of 'selected per fold'.",
)
SELECTED_PER_FOLD = Caveat(
    "selected",
    SELECTED,
    "In each fold the point was chosen by that fold's own validation speaker, then the chosen points' test predictions "
    "were pooled. No test score was used.",
)
TRANSDUCTIVE = Caveat(
    "transductive",
    "transductive",
    "Log-mels are normalised by mean and deviation of each speaker, test speakers included (zscore_speaker). No label "
    "is used, but the test speaker's unlabelled audio is, so the result holds where such audio is at hand.",
)
SHARED_DIALOGS = Caveat(
    "shared-dialogs",
    "validator shares dialogs",
    "The speaker who validates a fold took part in the test speaker's dialogs: what is chosen by validation may suit "
    "those dialogs.",
)
LIKELIHOOD = Caveat(
    "likelihood",
    "uses the test utterance's length in labels",
    "The decision 'likelihood' compares label sequences as long as the test utterance's word or phoneme count, which "
    "has to be known.",
)
ONE_SEED = Caveat(
    "one-seed",
    "one seed",
    "Trained once: how much another seed alone would change its scores is unknown.",
)
CAPPED = Caveat(
    "capped",
    "targets capped: not comparable as this strategy",
    f"More than {MAX_CAPPED_SHARE:.0%} of its targets had to be shortened because CTC needs 2N-1 frames for N equal "
    "labels; its result is not one of this label strategy.",
)
HARDLY_ACTS = Caveat(
    "hardly-acts",
    "this attention hardly acts",
    f"With the attention taken out of the trained networks (U = C), fewer than {MIN_CHANGED_SHARE:.0%} of the "
    "decisions change: a difference from attention 'none' comes from training, not from the attention's weights.",
)
FEW_SPEAKERS = Caveat(
    "few-speakers",
    f"fewer than {MIN_SPEAKERS} speakers",
    "Speakers are the observations of the test that the verdict rests on; with so few no claim is made.",
)
UNCONFIRMED_OVER_SESSIONS = Caveat(
    "sessions",
    "not shown over sessions",
    "Better over speakers, but the sign-flip test over sessions gives a p above .05. Speakers of one session share "
    "their dialogs, so the difference may belong to dialogs and not to people; or there are too few sessions to tell.",
)
OVERLAP = Caveat(
    "overlapping-training",
    "overlapping training sets",
    "The models of two folds share training speakers, so that fold scores are not independent. The verdict is "
    "conditional on these training sets: a difference that one of them gives to all of its test speakers is not told "
    "from a better variant.",
)
SAME_SENTENCES = Caveat(
    "same-sentences",
    "same sentences in training and test",
    "All EmoDB speakers say the same ten sentences, so the words of the test are known from training. Speakers are "
    "never shared.",
)
DEVELOPMENT = Caveat(
    "development",
    "development corpus",
    "The settings of this recipe were chosen with EmoDB's test scores known: on EmoDB its results are development "
    "results, not an independent test.",
)
SEARCHED = Caveat(
    "searched",
    "found by a search",
    "The point was proposed by a search for the highest mean validation UA. Every speaker validates one fold and tests "
    "another, so the search has used the labels of all: confirm it on another corpus.",
)
CHOSEN_HERE = Caveat(
    "chosen-here",
    "the winner was chosen on this corpus",
    "Every speaker validates one fold and tests another, so the choice among variants has used the labels of all and "
    "flatters the winner: by up to 3.7 points in simulations of 48 equal trials. A choice per fold does not.",
)
SYNTHETIC = Caveat(
    "synthetic",
    "synthetic speech",
    "A program made this corpus, by speech synthesis or as noise: its results show that the platform works, and "
    "say nothing about people.",
)
UA_ONLY = Caveat(
    "ua-only",
    "read UA, not WA",
    "The classes of FAU-Aibo are extremely unequal: of its five, neutral has 5,377 of the 8,257 test chunks, so that "
    "always saying 'neutral' reaches a WA of 65% with a UA of 20%. The paper gives UA only; WA, and tests of it, are "
    "grey.",
)
MIXED_CODE = Caveat(
    "mixed-code",
    "mixed code versions",
    "Folds in this report were trained by versions of the code that give different results; variants of different "
    "versions are not compared with each other.",
)
MIXED_DEVICES = Caveat(
    "mixed-devices",
    "mixed devices",
    "Folds in this report were trained on different devices or library versions; equal seeds then give slightly "
    "different results. Variants trained with different versions of torch, or on CPU and GPU, are not compared.",
)


def variant_caveats(variant: ScoredVariant) -> tuple[Caveat, ...]:
    """List the caveats of one variant."""
    configurations = variant.configurations
    caveats = (
        (PARTIAL, not variant.complete),
        (CAPPED, variant.capped),
        (HARDLY_ACTS, hardly_acts(variant)),
        (SELECTED_PER_FOLD, variant.kind == SELECTED),
        (TRANSDUCTIVE, any(settings.normalisation == "zscore_speaker" for settings in configurations)),
        (SHARED_DIALOGS, _shares_dialogs(variant)),
        (LIKELIHOOD, any(settings.decision == "likelihood" for settings in configurations)),
        (ONE_SEED, len(variant.seeds) == 1),
        (SEARCHED, variant.recipe in SEARCHING_RECIPES),
        (DEVELOPMENT, variant.predictions.corpus.name == "emodb" and variant.recipe in DEVELOPMENT_RECIPES),
    )
    return tuple(caveat for caveat, applies in caveats if applies)


def comparison_caveats(comparison: Comparison) -> tuple[Caveat, ...]:
    """List the caveats of a comparison beyond those of its variant."""
    caveats = (
        (FEW_SPEAKERS, not comparison.ua_speakers.has_enough_speakers),
        (UNCONFIRMED_OVER_SESSIONS, comparison.unconfirmed_over_sessions),
    )
    return tuple(caveat for caveat, applies in caveats if applies)


def baseline_caveats(baseline: ScoredBaseline) -> tuple[Caveat, ...]:
    """List the caveats of a baseline."""
    return (TRANSDUCTIVE,) if baseline.result.normalisation == "zscore_speaker" else ()


def classifier_caveats(classifier: Classifier) -> tuple[Caveat, ...]:
    """List the caveats of a row of either kind."""
    if isinstance(classifier, ScoredBaseline):
        return baseline_caveats(classifier)
    return variant_caveats(classifier)


def report_caveats(analysis: Analysis) -> tuple[Caveat, ...]:
    """List the caveats of the whole report: those of its corpus and folds, and those that all variants share."""
    variants = analysis.variants
    if not variants:
        return ()
    corpora = {variant.predictions.corpus.name for variant in variants}
    folds = list(analysis.all_folds())
    environments = {tuple(sorted(fold.environment.items())) for fold in folds}
    caveats = (
        (SYNTHETIC, any(variant.predictions.corpus.synthetic for variant in variants)),
        (FEW_SPEAKERS, min(_test_speakers(variant) for variant in variants) < MIN_SPEAKERS),
        (UA_ONLY, ua_only(analysis)),
        (SAME_SENTENCES, "emodb" in corpora),
        (PRUNED, bool(analysis.table.pruned)),
        (CHOSEN_HERE, sum(variant.kind == FIXED and variant.complete for variant in variants) > 1),
        (OVERLAP, any(len(variant.scheme) > 1 for variant in variants)),
        (MIXED_CODE, len({fold.results_version for fold in folds}) > 1),
        (MIXED_DEVICES, len(environments) > 1),
    )
    shared = set.intersection(*(set(variant_caveats(variant)) for variant in variants))
    return (
        *(caveat for caveat, applies in caveats if applies),
        *(caveat for caveat in variant_caveats(variants[0]) if caveat in shared),
    )


def ua_only(analysis: Analysis) -> bool:
    """Tell whether the classes are too unequal for WA in this report."""
    return any(variant.predictions.corpus.name in UA_ONLY_CORPORA for variant in analysis.variants)


def hardly_acts(variant: ScoredVariant) -> bool:
    """Tell whether taking the attention out of the trained networks changes hardly any decision."""
    # A share is a sum of rounded numbers: one of exactly 1% must not lie below.
    share = variant.changed_decision_share
    return share is not None and share < MIN_CHANGED_SHARE - 1e-9


def _test_speakers(variant: ScoredVariant) -> int:
    """Count the test speakers of all folds, missing ones included."""
    return len({speaker for fold in variant.scheme for speaker in fold.test_speakers})


def _shares_dialogs(variant: ScoredVariant) -> bool:
    fold = variant.folds[variant.scored_seeds[0]][0]
    test_sessions = {session for session in fold.test.sessions if session is not None}
    return not test_sessions.isdisjoint(fold.validation_sessions)
