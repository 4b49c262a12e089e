"""UA of variants on speakers of whom few recordings are at hand, or none: from stored folds, and computed once.

Decisions of a fold lie in the home, one small file each, named by the fold's identity. They can be computed again from
the fold at any time, so a damaged file is.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from ser.corpora.corpus import Corpus
from ser.errors import SerError, StudyError
from ser.features.builder import store_key
from ser.files import atomic_write
from ser.frozen_model import FrozenModel
from ser.identity import RESULTS_VERSION
from ser.metrics import confusion_matrix, unweighted_accuracy
from studies.models.study_corpus import load_study_corpus
from studies.search.summaries import StudySummary
from studies.storages.home import Home
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.report_context import UnseenSpeakers
from tracking.analysis.scored_folds import ScoredFold
from tracking.analysis.variants.choice import choose_variant
from tracking.analysis.variants.scores import ScoredVariant
from tracking.results.store import ResultStore

if TYPE_CHECKING:
    from ser.features.normalization import AffineNormalization
    from ser.features.store import FeatureStore

RECORDINGS = (16, 4, 1, 0)
"""Numbers of recordings whose statistics normalise a speaker's frames; 0 for those of the training speakers."""

Bar = Callable[[str], Callable[[int, int], None]]
"""Opens a progress bar with a title; what it returns is called with the number done and the total."""

Decided = dict[str, dict[int, tuple[int, ...]]]
"""Decisions of folds on their test utterances, by identity and number of recordings."""

_FORMAT = 1
_SPEAKERS_MATTER = "zscore_speaker"


class _FewRecordings(FrozenModel):
    """Decisions of a fold by the number of recordings, as a file stores them.

    Attributes:
        format: Version of the file.
        decided: Class of each test utterance, in the order of the fold's result.
    """

    format: int
    decided: dict[int, tuple[int, ...]]


@dataclass(frozen=True)
class UnseenRequest:
    """Variants whose UA on unseen speakers a report shows.

    Attributes:
        all_variants: Whether it is all complete ones, or the one with the highest validation UA alone, with the choice
            per fold where it is a point of a sweep.
        corpus: The corpus, where it was read already.
    """

    all_variants: bool = False
    corpus: Corpus | None = None


ONLY_THE_BEST = UnseenRequest()
"""Request for the variant with the highest validation UA."""


def score_unseen_speakers(
    analysis: Analysis, home: Home, studies: Sequence[StudySummary], request: UnseenRequest, bar: Bar
) -> UnseenSpeakers:
    """Score variants with the statistics of few recordings of each test speaker; nothing is trained.

    Args:
        analysis: The analysed results.
        home: The data directory, with feature stores and the folds' files.
        studies: All studies.
        request: The variants.
        bar: Opens progress bars.

    Returns:
        The scores; notes say what is missing for the others.
    """
    variants = _chosen(analysis, request)
    left_out: dict[str, list[str]] = defaultdict(list)
    for variant in variants:
        left_out[_reason_against(variant)].append(variant.label)
    decidable = [variant for variant in variants if variant.label in left_out.get("", ())]
    notes = [
        f"UA on unseen speakers is not computed for {', '.join(labels)}: {reason}"
        for reason, labels in left_out.items()
        if reason
    ]
    folds = {fold.identity: fold for variant in decidable for fold in variant.scored_folds if _uses_speakers(fold)}
    decided = {identity: found for identity in folds if (found := _read(home.unseen, identity)) is not None}
    missing = [fold for identity, fold in folds.items() if identity not in decided]
    if missing:
        try:
            _decide(missing, home, request.corpus or _read_corpus(missing[0], home, studies, bar), bar, decided)
        except SerError as error:
            notes.append(f"UA on unseen speakers is not computed: {error}")
    complete = [variant for variant in decidable if all(_is_decided(fold, decided) for fold in variant.scored_folds)]
    return UnseenSpeakers({variant.label: _ua_by_recordings(variant, decided) for variant in complete}, tuple(notes))


def _chosen(analysis: Analysis, request: UnseenRequest) -> list[ScoredVariant]:
    """Complete variants, the one that validation chooses first; or that one alone, and what is reported of it."""
    best = choose_variant(analysis.variants)
    if best is None:
        return []
    others = analysis.complete if request.all_variants else (analysis.reported(best),)
    return [best, *(variant for variant in others if variant is not best)]


def _reason_against(variant: ScoredVariant) -> str:
    """Say why a variant's folds cannot decide again; empty where they can."""
    folds = [fold for fold in variant.scored_folds if _uses_speakers(fold)]
    if any(fold.configuration.decision == "likelihood" for fold in folds):
        return "decision likelihood needs the word or phoneme counts of an utterance"
    if any(fold.results_version != RESULTS_VERSION for fold in folds):
        return "trained by another version of this program, with other features"
    return ""


def _uses_speakers(fold: ScoredFold) -> bool:
    return fold.configuration.normalisation == _SPEAKERS_MATTER


def _is_decided(fold: ScoredFold, decided: Decided) -> bool:
    return not _uses_speakers(fold) or fold.identity in decided


def _ua_by_recordings(variant: ScoredVariant, decided: Decided) -> dict[int, float]:
    """Pooled UA of a variant, mean over seeds, by the number of recordings."""
    classes = variant.predictions.classes

    def ua(seed: int, recordings: int) -> float:
        confusions = [
            confusion_matrix(fold.test.actual, decided[fold.identity][recordings], classes)
            if _uses_speakers(fold)
            else fold.confusion
            for fold in variant.folds[seed]
        ]
        return unweighted_accuracy(np.sum(confusions, axis=0))

    return {
        recordings: float(np.mean([ua(seed, recordings) for seed in variant.scored_seeds])) for recordings in RECORDINGS
    }


def _read(folder: Path, identity: str) -> dict[int, tuple[int, ...]] | None:
    """Read the decisions of a fold; None where they are missing, damaged or of another version."""
    with suppress(FileNotFoundError, ValidationError):
        stored = _FewRecordings.model_validate_json(_path(folder, identity).read_bytes())
        if stored.format == _FORMAT and stored.decided.keys() >= set(RECORDINGS):
            return stored.decided
    return None


def _path(folder: Path, identity: str) -> Path:
    return folder / f"{identity}.json"


def _decide(missing: Sequence[ScoredFold], home: Home, corpus: Corpus, bar: Bar, decided: Decided) -> None:
    """Compute the decisions of folds, add them to `decided`, and store them where the home can be written.

    Raises:
        SerError: A feature store or a fold cannot be read.
    """
    # They import torch, which a report whose decisions are stored does without.
    from ser.inference.few_recordings import decide_with_few_recordings

    progress, results, is_writable = bar("scoring unseen speakers"), ResultStore(home.results), _prepare(home)
    # Folds that share a normalisation follow each other.
    ordered = sorted(missing, key=lambda fold: (fold.configuration.features.label, fold.fold.training_speakers))
    for done, (fold, store, training) in enumerate(_with_normalisation(ordered, corpus, home), 1):
        decisions = decide_with_few_recordings(results.trained(fold.identity), corpus, store, training, RECORDINGS)
        if is_writable:
            content = _FewRecordings(format=_FORMAT, decided=decisions)
            atomic_write(_path(home.unseen, fold.identity), content.model_dump_json())
        decided[fold.identity] = decisions
        progress(done, len(missing))


def _prepare(home: Home) -> bool:
    """Make the folder of decisions; False where the home cannot be written."""
    if not os.access(home.root, os.W_OK):
        return False
    home.unseen.mkdir(exist_ok=True)
    return True


def _read_corpus(fold: ScoredFold, home: Home, studies: Sequence[StudySummary], bar: Bar) -> Corpus:
    """Read the corpus of a fold from the folder of its newest study.

    Raises:
        SerError: The folder is unknown, or does not hold the corpus.
    """
    digest = fold.corpus.digest
    of_corpus = [study for study in studies if study.location is not None and study.location.corpus_digest == digest]
    if not of_corpus:
        raise StudyError(f"no study here says where corpus {fold.corpus.name} is")
    return load_study_corpus(of_corpus[-1], home, bar("reading the corpus"))


def _with_normalisation(
    folds: Sequence[ScoredFold], corpus: Corpus, home: Home
) -> Iterator[tuple[ScoredFold, "FeatureStore", "AffineNormalization"]]:
    """Yield each fold with its raw frames and the normalisation by its training speakers, each fitted once in a row.

    Raises:
        StudyError: There is no store of the frames.
    """
    from ser.features.store import FeatureStore
    from ser.inference.scoring import training_normalisation

    speakers = [utterance.speaker for utterance in corpus.utterances]
    key: object = None
    for fold in folds:
        configuration, training_speakers = fold.configuration, fold.fold.training_speakers
        if (configuration.features, training_speakers) != key:
            path = home.features / store_key(fold.corpus.digest, configuration.features)
            if not path.is_dir():
                raise StudyError(
                    f"{home.features}: no store of front end {configuration.features.label}; run the study's command "
                    "again, which computes it"
                )
            store = FeatureStore.open(path)
            training = training_normalisation(store, speakers, configuration, training_speakers)
            key = (configuration.features, training_speakers)
        yield fold, store, training
