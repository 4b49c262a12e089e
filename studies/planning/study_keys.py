"""Choices of a study by the names of the command's options, as study files and Python name them."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

from ser.errors import ConfigurationError, unknown_value_message
from studies.planning.options import StudyOptions
from studies.planning.plan import StudyPlan
from studies.planning.plan_options import plan_options
from studies.planning.recipes import default_recipe

Scalar = str | int | float | None


class StudyKeys(TypedDict, total=False):
    """Choices of a study; what is left out is the command's default. `StudyOptions` says what each means."""

    corpus: str
    corpus_set: Mapping[str, Scalar]
    recipe: str | None
    attention: str | Sequence[str]
    baseline: bool
    labels: str | Sequence[str]
    scope: int | Sequence[int]
    features: str | Sequence[str]
    criterion: str | None
    folds: str | None
    seeds: int
    trials: int | None
    pruner: str | None
    set: Mapping[str, Scalar]


def options_of_keys(keys: StudyKeys, download: bool = False) -> StudyOptions:
    """Return the options of a study that is named by keys.

    Args:
        keys: The choices; a single value stands for a list of one. A setting of None or False is off.
        download: Whether encoders may be downloaded.

    Raises:
        ConfigurationError: A key is unknown.
    """
    for key in keys:
        if key not in StudyKeys.__annotations__:
            raise ConfigurationError(unknown_value_message("key", key, StudyKeys.__annotations__))
    corpus = keys.get("corpus", "demo")
    return StudyOptions(
        corpus=corpus,
        recipe=keys.get("recipe") or default_recipe(corpus),
        attentions=_words(keys.get("attention", ())),
        baseline=keys.get("baseline", True),
        labels=_words(keys.get("labels", ())),
        scopes=_numbers(keys.get("scope", ())),
        criterion=keys.get("criterion"),
        folds=keys.get("folds"),
        seeds=keys.get("seeds", 1),
        overrides={name: _setting_text(value) for name, value in keys.get("set", {}).items()},
        corpus_options={name: str(value) for name, value in keys.get("corpus_set", {}).items()},
        trials=keys.get("trials"),
        pruner=keys.get("pruner"),
        features=_words(keys.get("features", ())),
        download=download,
    )


def keys_of_plan(plan: StudyPlan) -> StudyKeys:
    """Return the choices that make the plan of a study again, without those that a recipe makes alike."""
    options = plan_options(plan)
    keys = StudyKeys(corpus=options.corpus, recipe=options.recipe, attention=options.attentions)
    if options.corpus_options:
        keys["corpus_set"] = options.corpus_options
    if not options.baseline:
        keys["baseline"] = False
    if options.labels:
        keys["labels"] = options.labels
    if options.scopes:
        keys["scope"] = options.scopes
    if options.features:
        keys["features"] = options.features
    if options.criterion is not None:
        keys["criterion"] = options.criterion
    if options.folds is not None:
        keys["folds"] = options.folds
    if options.seeds > 1:
        keys["seeds"] = options.seeds
    if options.trials is not None:
        keys["trials"] = options.trials
    if options.pruner is not None:
        keys["pruner"] = options.pruner
    if options.overrides:
        keys["set"] = options.overrides
    return keys


def _words(values: str | Sequence[str]) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values)


def _numbers(values: int | Sequence[int]) -> tuple[int, ...]:
    return (values,) if isinstance(values, int) else tuple(values)


def _setting_text(value: Scalar) -> str:
    return "off" if value is None or value is False else str(value)
