"""What a reader must know beside a number: short marks with an explanation each."""

from dataclasses import dataclass

from tracking.analysis.comparison.overview import Analysis, ScoredBaseline
from tracking.analysis.statistics.sign_flip import MIN_SPEAKERS
from tracking.analysis.variants.naming import SELECTED
from tracking.analysis.variants.scores import CAPPED_LIMIT, ScoredVariant

DEVELOPMENT_RECIPES = ("recommended", "quick", "extended")
"""Recipes whose settings were chosen with EmoDB's test scores in sight."""

SEARCHING_RECIPES = ("extended",)
"""Recipes whose points are proposed by a search."""

UA_ONLY_CORPORA = ("fau_aibo",)
"""Corpora whose classes are so unequal that WA says little; the paper gives their UA only."""


@dataclass(frozen=True)
class Caveat:
    """A mark.

    Attributes:
        key: Its name in links and tables.
        title: The mark itself, a few words.
        text: What it means for the reader.
    """

    key: str
    title: str
    text: str


PARTIAL = Caveat(
    "partial",
    "partial",
    "Folds are missing. What stands here rests on the folds that exist and will change; it is compared with nothing.",
)
PRUNED = Caveat(
    "pruned",
    "pruned trials set aside",
    "The search gave trials up before their last fold, because others stood higher on validation. They are listed with "
    "the reason, compared with nothing, and are no candidates of 'selected per fold'.",
)
SELECTED_PER_FOLD = Caveat(
    "selected",
    SELECTED,
    "In each fold the point was chosen by that fold's own validation speaker, then the chosen points' test decisions "
    "were pooled. No test score was looked at.",
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
    "Trained once: how far another seed alone would move its scores is not known.",
)
CAPPED = Caveat(
    "capped",
    "targets capped: not comparable as this strategy",
    f"More than {CAPPED_LIMIT:.0%} of its targets had to be shortened because CTC needs 2N-1 frames for N equal "
    "labels; its result is not one of this label strategy.",
)
FEW_SPEAKERS = Caveat(
    "few-speakers",
    f"fewer than {MIN_SPEAKERS} speakers",
    "Speakers are the observations of the test that the verdict rests on; with so few no claim is made.",
)
OVERLAP = Caveat(
    "overlapping-training",
    "overlapping training sets",
    "The models of two folds share training speakers, so fold scores are not independent; the "
    "deviation over folds is a description, not a standard error.",
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
    "The settings of this recipe were chosen with EmoDB's test scores in sight: on EmoDB its results are development "
    "results, not an independent test.",
)
SEARCHED = Caveat(
    "searched",
    "found by a search",
    "The point was proposed by a search for the highest mean validation UA. Every speaker validates one fold and tests "
    "another, so the search has used the labels of all: confirm it on another corpus.",
)
SYNTHETIC = Caveat(
    "synthetic",
    "synthetic speech",
    "The corpus was made by a program, by speech synthesis or as noise: its results show that the platform works, and "
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
    "Folds in this report were trained by versions of the code that give different results; variants of unlike "
    "versions are not compared with each other.",
)
MIXED_DEVICES = Caveat(
    "mixed-devices",
    "mixed devices",
    "Folds in this report were trained on unlike devices or library versions; equal seeds then give slightly "
    "different results. Variants of unlike versions of torch, or of processors and cards, are not compared.",
)


def variant_caveats(entry: ScoredVariant) -> tuple[Caveat, ...]:
    """The marks of one variant."""
    configurations, evidence = entry.configurations, entry.predictions
    corpus = evidence.corpus.name
    marks = (
        (PARTIAL, not entry.complete),
        (CAPPED, entry.capped),
        (SELECTED_PER_FOLD, entry.kind == SELECTED),
        (TRANSDUCTIVE, any(one.normalisation == "zscore_speaker" for one in configurations)),
        (SHARED_DIALOGS, _shares_dialogs(entry)),
        (LIKELIHOOD, any(one.decision == "likelihood" for one in configurations)),
        (ONE_SEED, len(entry.seeds) == 1),
        (SEARCHED, entry.recipe in SEARCHING_RECIPES),
        (DEVELOPMENT, corpus == "emodb" and entry.recipe in DEVELOPMENT_RECIPES),
    )
    return tuple(badge for badge, holds in marks if holds)


def baseline_caveats(baseline: ScoredBaseline) -> tuple[Caveat, ...]:
    """The marks of a baseline."""
    return (TRANSDUCTIVE,) if baseline.result.normalisation == "zscore_speaker" else ()


def report_caveats(overview: Analysis) -> tuple[Caveat, ...]:
    """The marks of the whole report: those of its corpus and folds, and those that all variants have."""
    entries = overview.variants
    if not entries:
        return ()
    corpora = {entry.predictions.corpus.name for entry in entries}
    folds = list(overview.all_folds())
    environments = {tuple(sorted(fold.environment.items())) for fold in folds}
    marks = (
        (SYNTHETIC, any(entry.predictions.corpus.synthetic for entry in entries)),
        (FEW_SPEAKERS, min(_speakers(entry) for entry in entries) < MIN_SPEAKERS),
        (UA_ONLY, ua_only(overview)),
        (SAME_SENTENCES, "emodb" in corpora),
        (PRUNED, bool(overview.table.pruned)),
        (OVERLAP, any(len(entry.scheme) > 1 for entry in entries)),
        (MIXED_CODE, len({fold.results_version for fold in folds}) > 1),
        (MIXED_DEVICES, len(environments) > 1),
    )
    shared = set.intersection(*(set(variant_caveats(entry)) for entry in entries))
    common = [badge for badge in variant_caveats(entries[0]) if badge in shared]
    return (*(badge for badge, holds in marks if holds), *common)


def ua_only(overview: Analysis) -> bool:
    """Whether WA is not to be read in this report."""
    return any(entry.predictions.corpus.name in UA_ONLY_CORPORA for entry in overview.variants)


def _speakers(entry: ScoredVariant) -> int:
    """Test speakers of all its folds, of those to come too."""
    return len({speaker for fold in entry.scheme for speaker in fold.test_speakers})


def _shares_dialogs(entry: ScoredVariant) -> bool:
    fold = entry.folds[entry.scored_seeds[0]][0]
    tested = {session for session in fold.test.sessions if session is not None}
    return not tested.isdisjoint(fold.validation_sessions)
