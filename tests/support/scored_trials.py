"""Seeded synthetic trials in which speakers, and speakers by variant, differ."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ser.config import FoldConfiguration, digest_of
from ser.feature_settings import PretrainedSettings
from ser.results import (
    AttentionEffect,
    BaselineResult,
    CorpusIdentity,
    EpochRecord,
    Evaluation,
    Fold,
    FoldResult,
    TargetReport,
)
from tracking.analysis.results_table import PrunedTrial, ResultsTable, ScoredTrial
from tracking.analysis.scored_folds import score_folds
from tracking.analysis.trial_result import TrialResult
from tracking.analysis.variants.grouping import Variant, group_variants
from tracking.analysis.variants.scores import ScoredVariant, score_variant
from tracking.analysis.variants.selection import selected_per_fold

EMOTIONS = ("neutral", "happiness", "sadness", "anger")


def scored_trial(result: TrialResult) -> ScoredTrial:
    """Score the folds of a trial, as the reader of results does."""
    return ScoredTrial(
        study=result.study,
        recipe=result.recipe,
        trial_id=result.trial_id,
        scheme=result.scheme,
        folds=score_folds(result.folds),
    )


def configuration(attention: str = "none", **changes: Any) -> FoldConfiguration:
    """Make a CTC configuration with every setting active, unless changed."""
    values: dict[str, Any] = {
        "attention": attention,
        "scope": 9,
        "component_score": "dense",
        "attention_norm": "window",
        "quantum_boundary": "frames",
        "labels": "phonemes",
        "loss_scale": "utterance",
        "decision": "posterior",
        "epochs": 4,
    }
    return FoldConfiguration.parse(**{**values, **changes})


def encoder_layer(number: int, name: str = "tiny") -> PretrainedSettings:
    """Make the front end of one layer of a speech encoder; one that has the same name is the same checkpoint."""
    return PretrainedSettings(name=name, checkpoint=name, layer=number, hidden_size=24, frame_shift_s=0.02)


@dataclass(frozen=True)
class World:
    """Corpus that all synthetic trials share.

    Attributes:
        speakers: Number of speakers, even; neighbours share a session.
        per_speaker: Utterances per speaker.
        emotions: Class set.
        sessions: Whether utterances have sessions.
        corpus: Name of the corpus.
        digest: Digest of the corpus.
        lacking: Index of a class without utterances, by speaker.
        names: Names of speakers; generated where empty.
        synthetic: Whether the corpus is marked as synthetic speech.
    """

    speakers: int = 10
    per_speaker: int = 24
    emotions: tuple[str, ...] = EMOTIONS
    sessions: bool = True
    corpus: str = "demo"
    digest: str = "c0ffee00" * 4
    lacking: Mapping[str, int] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    synthetic: bool = True

    def speaker_names(self) -> tuple[str, ...]:
        return self.names or tuple(f"Ses{1 + index // 2:02d}{'FM'[index % 2]}" for index in range(self.speakers))

    def scheme(self) -> tuple[Fold, ...]:
        names = self.speaker_names()
        return tuple(
            Fold(
                index=index,
                name=name,
                scheme="leave-one-speaker-out",
                test_speakers=(name,),
                validation_speakers=(names[index ^ 1],),
                training_speakers=tuple(speaker for speaker in names if speaker not in (name, names[index ^ 1])),
            )
            for index, name in enumerate(names)
        )

    def identity(self) -> CorpusIdentity:
        return CorpusIdentity(name=self.corpus, digest=self.digest, emotions=self.emotions, synthetic=self.synthetic)


def evaluation(
    world: World, speaker: str, rng: np.random.Generator, accuracy: float, undecided: float | None = None
) -> Evaluation:
    """Make predictions for one speaker, correct with the given probability."""
    k = len(world.emotions)
    actual = np.arange(world.per_speaker) % k
    if speaker in world.lacking:
        actual[actual == world.lacking[speaker]] = (world.lacking[speaker] + 1) % k
    correct = rng.random(world.per_speaker) < accuracy
    predicted = np.where(correct, actual, (actual + rng.integers(1, k, world.per_speaker)) % k)
    scores = np.full((world.per_speaker, k), 0.1)
    scores[np.arange(world.per_speaker), predicted] += 1 - 0.1 * k
    return Evaluation(
        utterances=tuple(f"{speaker}_{number:03d}" for number in range(world.per_speaker)),
        speakers=(speaker,) * world.per_speaker,
        sessions=((speaker[:-1] if world.sessions else None),) * world.per_speaker,
        actual=tuple(actual.tolist()),
        predicted=tuple(predicted.tolist()),
        scores=tuple(map(tuple, scores.tolist())),
        loss=float(1 - accuracy + 0.01 * rng.random()),
        undecided_share=undecided,
    )


@dataclass(frozen=True, kw_only=True)
class TrialOptions:
    """Properties of a synthetic trial that most tests leave alone.

    Attributes:
        folds: Indices of the folds that exist; None for all.
        speaker_deviation: Standard deviation of a speaker's difficulty.
        recipe: Name of the recipe.
        study: Name of the study; generated where empty.
        capped: Capped targets per fold.
        changed: Share of decisions that change without the attention, by fold; None where it was not measured.
        random_seed: Changes the predictions without changing the configuration.
        results_version: Version of the code's results.
        torch: Version of torch.
        device_type: 'cpu' or 'cuda'.
    """

    folds: Sequence[int] | None = None
    speaker_deviation: float = 0.06
    recipe: str = "quick"
    study: str = ""
    capped: int = 0
    changed: Sequence[float | None] = ()
    random_seed: int = 0
    results_version: int = 1
    torch: str = "2.13.0"
    device_type: str = "cpu"


def trial(world: World, settings: FoldConfiguration, accuracy: float = 0.65, **changes: Any) -> TrialResult:
    """Make one trial; a speaker is easy or hard for all trials, and a little differently for each.

    Args:
        world: The corpus.
        settings: The configuration.
        accuracy: Mean share of correct predictions.
        **changes: Fields of `TrialOptions`.
    """
    options = TrialOptions(**changes)
    provenance = [options.results_version, options.torch, options.device_type]
    scheme, digest = world.scheme(), digest_of(settings.model_dump(mode="json"))
    rng = np.random.default_rng(int(digest[:8], 16) + options.random_seed)
    chances = _chances(len(scheme), accuracy, options.speaker_deviation, rng)
    results = []
    for fold in scheme:
        chance_validation = chances[world.speaker_names().index(fold.validation_speakers[0])]
        undecided = 0.1 if settings.decision == "best_path" else None
        results.append(
            FoldResult(
                identity=digest_of([digest, world.digest, fold.index]),
                results_version=options.results_version,
                fold=fold,
                corpus=world.identity(),
                configuration=settings,
                test=evaluation(world, fold.name, rng, chances[fold.index], undecided),
                validation=evaluation(world, fold.validation_speakers[0], rng, chance_validation, undecided),
                curve=_curve(settings.epochs, chance_validation, rng),
                selected_epoch=settings.epochs,
                targets=TargetReport(utterances=world.speakers * world.per_speaker, capped=options.capped, raised=0),
                started_ms=1_760_000_000_000 + 60_000 * fold.index,
                ended_ms=1_760_000_000_000 + 60_000 * fold.index + 45_000,
                environment={"torch": options.torch, "device": "a processor", "device_type": options.device_type},
                attention_effect=_effect(options.changed, fold.index),
            )
        )
    return TrialResult(
        study=options.study or f"{world.corpus}-{options.recipe}-{settings.attention}",
        recipe=options.recipe,
        trial_id=digest_of([digest, world.digest, [fold.name for fold in scheme], provenance]),
        scheme=scheme,
        folds=tuple(result for result in results if options.folds is None or result.fold.index in options.folds),
        run_id=digest[:12],
    )


def started_later(result: TrialResult, hours: int) -> TrialResult:
    """Move the start of a trial's folds, so that it is not the first of a name."""
    folds = [fold.model_copy(update={"started_ms": fold.started_ms + 3_600_000 * hours}) for fold in result.folds]
    return result.model_copy(update={"folds": tuple(folds)})


def _effect(changed: Sequence[float | None], index: int) -> AttentionEffect | None:
    share = changed[index % len(changed)] if changed else None
    return None if share is None else AttentionEffect(changed_decision_share=share)


def _chances(speakers: int, accuracy: float, deviation: float, rng: np.random.Generator) -> list[float]:
    """Draw the share of correct predictions of each speaker: easy or hard for all trials, and a little for this one."""
    difficulty = np.random.default_rng(7).normal(0, deviation, speakers)
    effects = rng.normal(0, deviation / 3, speakers)
    return [float(chance) for chance in np.clip(accuracy + difficulty + effects, 0.05, 0.98)]


def _curve(epochs: int, reached: float, rng: np.random.Generator) -> tuple[EpochRecord, ...]:
    return tuple(
        EpochRecord(
            epoch=epoch,
            ended_ms=1_760_000_000_000 + 1000 * epoch,
            values={
                "training_loss": float(60 * np.exp(-epoch / epochs) + rng.normal()),
                "validation_ua": float(reached * (1 - np.exp(-3 * epoch / epochs)) + 0.01 * rng.normal()),
            },
        )
        for epoch in range(1, epochs + 1)
    )


def baseline(world: World, accuracy: float = 0.66) -> BaselineResult:
    """Make a logistic regression of the given accuracy."""
    rng = np.random.default_rng(5)
    return BaselineResult(
        name="logistic regression",
        corpus=world.identity(),
        normalisation="zscore_speaker",
        folds=world.scheme(),
        tests=tuple(evaluation(world, fold.name, rng, accuracy) for fold in world.scheme()),
    )


def table_of(
    *trials: TrialResult,
    baselines: tuple[BaselineResult, ...] = (),
    notes: tuple[str, ...] = (),
    pruned: tuple[PrunedTrial, ...] = (),
) -> ResultsTable:
    """Make a results table of trials."""
    return ResultsTable(tuple(map(scored_trial, trials)), baselines, notes, pruned)


def with_more(table: ResultsTable, *trials: TrialResult) -> ResultsTable:
    """Append trials to a results table."""
    return replace(table, trials=(*table.trials, *map(scored_trial, trials)))


def grouped(trials: Iterable[TrialResult]) -> list[Variant]:
    """Group trials into variants."""
    return group_variants([scored_trial(result) for result in trials])


def scored_variants(*trials: TrialResult, select: bool = True) -> list[ScoredVariant]:
    """Score the variants of trials and, where asked, those that are selected per fold."""
    fixed = grouped(trials)
    return [score_variant(variant) for variant in [*fixed, *(selected_per_fold(fixed) if select else [])]]


def study_table(world: World | None = None, **changes: Any) -> ResultsTable:
    """Make a study of all four attentions, with two scopes and two label strategies."""
    world = world or World()
    accuracies = {"none": 0.62, "local": 0.64, "component": 0.68, "quantum": 0.63}
    trials = [
        trial(world, configuration(attention, scope=scope, labels=labels, **changes), accuracy)
        for attention, accuracy in accuracies.items()
        for labels in ("words", "phonemes")
        for scope in ((5, 9) if attention in ("local", "component") else (9,))
    ]
    return table_of(*trials, baselines=(baseline(world),), notes=("2 utterances skipped",))
