"""Makes seeded synthetic trials in which speakers, and speakers by variant, differ."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ser.config import FoldConfiguration, digest_of
from ser.results import BaselineResult, CorpusIdentity, EpochRecord, Evaluation, Fold, FoldResult, TargetReport
from tracking.analysis.results_table import PrunedTrial, ResultsTable, ScoredTrial
from tracking.analysis.trial_result import TrialResult
from tracking.analysis.variants.grouping import Variant, group_variants

EMOTIONS = ("neutral", "happiness", "sadness", "anger")


def configuration(attention: str = "none", **changes: Any) -> FoldConfiguration:
    """A CTC configuration with every choice made, unless changed."""
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


@dataclass(frozen=True)
class World:
    """A corpus of utterances, with the hardness of each, that all synthetic trials share.

    Attributes:
        speakers: Number of speakers, even; neighbours share a session.
        per_speaker: Utterances of each speaker.
        emotions: Class set.
        sessions: Whether utterances have sessions.
        corpus: Name of the corpus.
        digest: Digest of the corpus.
        lacking: Class index that a speaker never shows, by speaker.
        names: Names of speakers, where they should not be made up.
        synthetic: Whether a program made the speech.
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
        return self.names or tuple(f"Ses{1 + place // 2:02d}{'FM'[place % 2]}" for place in range(self.speakers))

    def scheme(self) -> tuple[Fold, ...]:
        names = self.speaker_names()
        return tuple(
            Fold(
                index=place,
                name=name,
                scheme="leave-one-speaker-out",
                test_speakers=(name,),
                validation_speakers=(names[place ^ 1],),
                training_speakers=tuple(other for other in names if other not in (name, names[place ^ 1])),
            )
            for place, name in enumerate(names)
        )

    def identity(self) -> CorpusIdentity:
        return CorpusIdentity(name=self.corpus, digest=self.digest, emotions=self.emotions, synthetic=self.synthetic)


def evaluation(
    world: World, speaker: str, rng: np.random.Generator, accuracy: float, undecided: float | None = None
) -> Evaluation:
    """Decisions on one speaker, right with the given probability."""
    k = len(world.emotions)
    actual = np.arange(world.per_speaker) % k
    if speaker in world.lacking:
        actual[actual == world.lacking[speaker]] = (world.lacking[speaker] + 1) % k
    right = rng.random(world.per_speaker) < accuracy
    predicted = np.where(right, actual, (actual + rng.integers(1, k, world.per_speaker)) % k)
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


def trial(
    world: World,
    settings: FoldConfiguration,
    accuracy: float = 0.65,
    folds: Sequence[int] | None = None,
    speaker_deviation: float = 0.06,
    recipe: str = "quick",
    study: str | None = None,
    capped: int = 0,
    random_seed: int = 0,
    results_version: int = 1,
    **environment: str,
) -> TrialResult:
    """One trial; every speaker is hard or easy for all trials, and a little differently for each.

    Args:
        world: The corpus.
        settings: The configuration.
        accuracy: Mean share of right decisions.
        folds: Indices of the folds that exist; None for all.
        speaker_deviation: Deviation of a speaker's hardness.
        recipe: Name of the recipe.
        study: Name of the study.
        capped: Capped targets in each fold.
        random_seed: Changes the decisions without changing the configuration.
        results_version: Version of the code's results.
        **environment: Versions and machine that differ from the usual ones, by name.
    """
    scheme, digest = world.scheme(), digest_of(settings.model_dump(mode="json"))
    rng = np.random.default_rng(int(digest[:8], 16) + random_seed)
    chances = _chances(len(scheme), accuracy, speaker_deviation, rng)
    results = []
    for fold in scheme:
        chance_validation = chances[world.speaker_names().index(fold.validation_speakers[0])]
        undecided = 0.1 if settings.decision == "best_path" else None
        results.append(
            FoldResult(
                identity=digest_of([digest, world.digest, fold.index]),
                results_version=results_version,
                fold=fold,
                corpus=world.identity(),
                configuration=settings,
                test=evaluation(world, fold.name, rng, chances[fold.index], undecided),
                validation=evaluation(world, fold.validation_speakers[0], rng, chance_validation, undecided),
                curve=_curve(settings.epochs, chance_validation, rng),
                selected_epoch=settings.epochs,
                targets=TargetReport(utterances=world.speakers * world.per_speaker, capped=capped, raised=0),
                started_ms=1_760_000_000_000 + 60_000 * fold.index,
                ended_ms=1_760_000_000_000 + 60_000 * fold.index + 45_000,
                environment={"torch": "2.13.0", "device": "a processor", "device_type": "cpu", **environment},
            )
        )
    return TrialResult(
        study=study or f"{world.corpus}-{recipe}-{settings.attention}",
        recipe=recipe,
        trial_id=digest_of([digest, world.digest, [fold.name for fold in scheme], results_version, environment]),
        scheme=scheme,
        folds=tuple(result for result in results if folds is None or result.fold.index in folds),
        run_id=digest[:12],
    )


def _chances(speakers: int, accuracy: float, deviation: float, rng: np.random.Generator) -> list[float]:
    """The share of right decisions on each speaker, who is hard or easy for all trials and a little for this one."""
    hardness = np.random.default_rng(7).normal(0, deviation, speakers)
    own = rng.normal(0, deviation / 3, speakers)
    return [float(chance) for chance in np.clip(accuracy + hardness + own, 0.05, 0.98)]


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
    """A logistic regression of the given accuracy."""
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
    """A table of these trials."""
    return ResultsTable(tuple(map(ScoredTrial.of, trials)), baselines, notes, pruned)


def with_more(table: ResultsTable, *trials: TrialResult) -> ResultsTable:
    """The table with further trials at its end."""
    return replace(table, trials=(*table.trials, *map(ScoredTrial.of, trials)))


def grouped(trials: Iterable[TrialResult]) -> list[Variant]:
    """The variants of these trials."""
    return group_variants([ScoredTrial.of(one) for one in trials])


def study_table(world: World | None = None, **changes: Any) -> ResultsTable:
    """A study of all four attentions, with two scopes and two label strategies."""
    place = world or World()
    accuracies = {"none": 0.62, "local": 0.64, "component": 0.68, "quantum": 0.63}
    trials = [
        trial(place, configuration(attention, scope=scope, labels=labels, **changes), accuracy)
        for attention, accuracy in accuracies.items()
        for labels in ("words", "phonemes")
        for scope in ((5, 9) if attention in ("local", "component") else (9,))
    ]
    return table_of(*trials, baselines=(baseline(place),), notes=("2 utterances skipped",))
