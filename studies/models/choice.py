"""Choice of the variant whose folds become a model, by validation alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from ser.config import FoldConfiguration
from ser.errors import StudyError, unknown_value_message
from studies.search.started_trials import StartedTrial, find_versions, started_trials
from studies.search.summaries import StudySummary
from tracking.analysis.variants.choice import Candidate, choose
from tracking.analysis.variants.naming import variant_label
from tracking.results.store import ResultStore


@dataclass(frozen=True)
class VariantTrials:
    """Complete trials of a variant.

    Attributes:
        label: Readable name of the variant.
        trials: Its trials, one for each seed.
    """

    label: str
    trials: tuple[StartedTrial, ...]

    @property
    def candidate(self) -> Candidate:
        """The variant as the rule of choice sees it."""
        return Candidate.of(self.configuration, [trial.mean_validation_ua or 0.0 for trial in self.trials])

    @property
    def configuration(self) -> FoldConfiguration:
        """Configuration of its first seed."""
        return self.trials[0].configuration


def choose_variant(study: StudySummary, results: ResultStore, label: str | None = None) -> VariantTrials:
    """Choose a variant by the rule of `tracking.analysis.variants.choice`; no test score enters.

    Args:
        study: The study.
        results: Results on disk.
        label: Name of the variant to take instead, or a part of its name that no other one has.

    Raises:
        StudyError: The study has no complete trial, or folds of all of them are missing here, or no or several variants
            have that name; the text lists them.
    """
    variants = _group_seeds(_complete_trials(study, results))
    if label is None:
        return variants[choose([variant.candidate for variant in variants])]
    matching = [variant for variant in variants if variant.label == label] or [
        variant for variant in variants if label in variant.label
    ]
    if len(matching) != 1:
        if matching:
            raise StudyError(f"variant '{label}' may be any of: {', '.join(variant.label for variant in matching)}")
        raise StudyError(unknown_value_message("variant", label, [variant.label for variant in variants]))
    return matching[0]


def check_usable(variant: VariantTrials) -> None:
    """Refuse a variant whose folds cannot decide for a new recording.

    Raises:
        StudyError: Its decision or its front end needs what a recording alone does not have.
    """
    if variant.configuration.decision == "likelihood":
        raise StudyError(
            f"{variant.label}: decision likelihood needs the word or phoneme counts of an utterance, which a new "
            "recording does not have; name another variant with --variant"
        )
    if variant.configuration.features.kind == "files":
        raise StudyError(
            f"{variant.label}: its frames come from files of another program, which a new recording does not have; "
            "name another variant with --variant"
        )


def _complete_trials(study: StudySummary, results: ResultStore) -> list[StartedTrial]:
    """List the trials that have ended and whose folds are all here.

    Raises:
        StudyError: There is none; the text says why.
    """
    versions = find_versions(study, results)
    if versions is None and study.started is not None:
        raise StudyError(
            f"study {study.name}: no result here tells with which versions it was trained; run its command again"
        )
    ended = [
        trial
        for trial in (started_trials(study, versions) if versions is not None else ())
        if trial.pruned is None and trial.mean_validation_ua is not None
    ]
    if not ended:
        raise StudyError(f"study {study.name} has no complete trial yet; run its command to the end first")
    stored = results.identities()
    complete = [trial for trial in ended if trial.folds.keys() <= stored]
    if not complete:
        missing = [identity for trial in ended for identity in trial.folds if identity not in stored]
        raise StudyError(
            f"study {study.name}: each of its {len(ended)} ended trials lacks the file of a fold, such as "
            f"{results.path(missing[0])}; run its command again, which trains what is missing"
        )
    return complete


def _group_seeds(trials: Sequence[StartedTrial]) -> list[VariantTrials]:
    groups: dict[FoldConfiguration, list[StartedTrial]] = {}
    for trial in trials:
        groups.setdefault(trial.configuration.model_copy(update={"seed": 0}), []).append(trial)
    return [_variant(of_variant) for of_variant in groups.values()]


def _variant(trials: Sequence[StartedTrial]) -> VariantTrials:
    by_seed = sorted(trials, key=lambda trial: trial.configuration.seed)
    return VariantTrials(variant_label(by_seed[0].configuration), tuple(by_seed))
