"""Plan of a study: its options validated, and its points."""

from collections.abc import Mapping
from itertools import product
from typing import Any, Literal, get_args

from pydantic import Field, field_validator

from ser.config import (
    LATER_SETTINGS,
    AttentionName,
    Criterion,
    FoldConfiguration,
    LabelStrategy,
    Precision,
    active_settings,
)
from ser.errors import ConfigurationError, unknown_value_message
from ser.features.frontends.base import FrontEndChoice
from ser.frozen_model import FrozenModel
from studies.planning.option_values import (
    chosen_front_ends,
    member,
    members,
    recipe_settings,
    swept_attentions,
)
from studies.planning.options import StudyOptions
from studies.planning.recipes import PrunerName, Recipe, recipe_named
from studies.planning.search_space import Categorical, SearchSpace, Value, point_parameters

_FEATURES = "features"

_WIDE = 128
"""Numbers in a frame from which a search tries to project them."""


class StudyPlan(FrozenModel):
    """Plan of a study.

    Attributes:
        corpus: Name of the corpus's loader in the registry.
        corpus_options: Options of the corpus as text, by name.
        recipe: Name of the recipe.
        attentions: Attentions swept.
        labels: Label strategies swept.
        scopes: Scopes swept, for local and component attention.
        criterion: The criterion.
        folds: Fold scheme, as text.
        seeds: Seeds swept, 1 to n.
        precision: Precision, or `auto`.
        settings: All other settings of a fold's configuration; those that are searched have no effect here.
        space: Search space; null for a full grid.
        trials: Number of points to search; null for a full grid.
        pruner: Rule that ends a trial before its last fold.
        front_ends: Front ends swept; empty for the one of `settings`, log-mels.
        front_end_settings: Settings that differ from `settings` with a front end, by its kind.
    """

    corpus: str
    corpus_options: dict[str, str] = Field(default_factory=dict)
    recipe: str
    attentions: tuple[AttentionName, ...]
    labels: tuple[LabelStrategy, ...]
    scopes: tuple[int, ...]
    criterion: Criterion
    folds: str = "speaker"
    seeds: tuple[int, ...]
    precision: Literal["fp32", "bf16", "tf32", "auto"]
    settings: dict[str, Any]
    space: SearchSpace | None = None
    trials: int | None = None
    pruner: PrunerName = "none"
    front_ends: tuple[FrontEndChoice, ...] = ()
    front_end_settings: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @field_validator("settings")
    @classmethod
    def _add_later_settings(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """Give a plan that was stored before a setting came the value that the setting's absence had."""
        return LATER_SETTINGS | settings

    @property
    def corpus_name(self) -> str:
        """Name of the corpus in studies and reports: the option `name` of a table, else the name in the registry."""
        return self.corpus_options.get("name", self.corpus)

    @classmethod
    def from_options(cls, options: StudyOptions) -> "StudyPlan":
        """Make a plan from a recipe and the options that differ from it.

        Raises:
            ConfigurationError: A name or value is invalid; the text lists the valid ones.
        """
        recipe = recipe_named(options.recipe)
        options.check(recipe)
        overrides = dict(options.overrides)
        precision = overrides.pop("precision", recipe.precision)
        scheme = options.folds or recipe.folds_for(options.corpus)
        settings = recipe_settings(recipe, options.corpus, scheme, overrides)
        front_ends = chosen_front_ends(options, recipe)
        plan = cls(
            corpus=options.corpus,
            corpus_options=dict(options.corpus_options),
            recipe=options.recipe,
            attentions=swept_attentions(options, recipe),
            labels=members("labels", options.labels or recipe.labels, get_args(LabelStrategy)),
            scopes=tuple(dict.fromkeys(options.scopes)) or recipe.scopes,
            criterion=member("criterion", options.criterion or settings["criterion"], get_args(Criterion)),
            folds=scheme,
            seeds=tuple(range(1, options.seeds + 1)),
            precision=member("precision", precision, ("fp32", "bf16", "tf32", "auto")),
            settings={name: value for name, value in settings.items() if name != "criterion"},
            trials=options.trials or recipe.trials,
            pruner=member("pruner", options.pruner or recipe.pruner, get_args(PrunerName)),
            front_ends=front_ends,
            front_end_settings={
                kind: {name: value for name, value in differing.items() if name not in overrides}
                for kind, differing in recipe.front_end_settings.items()
                if kind in {choice.settings.kind for choice in front_ends}
            },
        )
        if recipe.space:
            plan = plan.model_copy(update={"space": plan._search_space(recipe, fixed=overrides)})
        plan._check_all_settings()
        return plan

    def _check_all_settings(self) -> None:
        """Refuse a bad value even where this plan gives it no effect, such as an even scope without a window."""
        for attention, scope, criterion in product(get_args(AttentionName), self.scopes, ("ctc", "joint")):
            swept = {"attention": attention, "scope": scope, "labels": self.labels[0], "criterion": criterion}
            FoldConfiguration.parse(**self.settings | swept)

    def _search_space(self, recipe: Recipe, fixed: Mapping[str, str]) -> SearchSpace:
        """Return the recipe's space with the values that this plan sweeps, without settings that the user has fixed."""
        swept: dict[str, tuple[Value, ...]] = {
            "attention": self.attentions,
            "scope": self.scopes,
            "labels": self.labels,
        }
        if self.front_ends:
            swept[_FEATURES] = tuple(choice.settings.label for choice in self.front_ends)
        names = [name for name in recipe.space if name not in fixed and self.has_dimension(name)]
        searched = {name: recipe.space[name] for name in names}
        return SearchSpace(dimensions={name: Categorical(values=values) for name, values in swept.items()} | searched)

    def has_dimension(self, name: str) -> bool:
        """Tell whether a search has a dimension, if it is not fixed.

        A search is named by its dimensions, also by those without effect; a later setting without effect is none, so
        that searches from before it came keep their names.
        """
        if name == "projection":
            return any(choice.settings.width >= _WIDE for choice in self.front_ends)
        return name not in LATER_SETTINGS or self.has_effect(name)

    def has_effect(self, name: str) -> bool:
        """Tell whether a setting has an effect with any of the attentions."""
        return any(active_settings(attention, self.criterion).get(name, True) for attention in self.attentions)

    @property
    def has_targets(self) -> bool:
        """True where the criterion has targets, whose lengths the label strategies decide."""
        return active_settings(None, self.criterion)["labels"]

    @property
    def size(self) -> int:
        """Number of trials of the study: points times seeds."""
        return len(self.points("fp32")) if self.trials is None else self.trials * len(self.seeds)

    def base(self, precision: Precision) -> FoldConfiguration:
        """Return a configuration with the settings that are equal in all points."""
        return self.front_end_bases(precision)[0]

    def front_end_bases(self, precision: Precision) -> tuple[FoldConfiguration, ...]:
        """Return a configuration of each front end, with the settings that are equal in all of its points."""
        first = {"attention": self.attentions[0], "scope": self.scopes[0], "labels": self.labels[0]}
        return tuple(
            self.configuration(first | features | {"seed": self.seeds[0]}, precision)
            for features in self._swept_features()
        )

    def _swept_features(self) -> list[dict[str, Value]]:
        """Return the parameter of each front end in Optuna; an empty one where the study sweeps none."""
        return [{_FEATURES: choice.settings.label} for choice in self.front_ends] or [{}]

    def front_end_choices(self) -> tuple[FrontEndChoice, ...]:
        """Return all front ends, also the one of a study that sweeps none."""
        return self.front_ends or (FrontEndChoice(settings=self.base("fp32").features),)

    def configuration(self, parameters: Mapping[str, Value], precision: Precision) -> FoldConfiguration:
        """Return the configuration of a point.

        Args:
            parameters: Parameters of the point in Optuna, see `parameters`.
            precision: The resolved precision.

        Raises:
            ConfigurationError: The parameters are not those of a point.
        """
        swept = dict(parameters)
        front_end = self._settings_of_front_end(swept.pop(_FEATURES, None))
        settings = self.settings | front_end | {"criterion": self.criterion, "precision": precision}
        return FoldConfiguration.parse(**settings | swept)

    def _settings_of_front_end(self, label: Value) -> dict[str, Any]:
        """Return the settings that come with a front end, named by its label; none where the study sweeps none."""
        if label is None:
            return {}
        settings = next((choice.settings for choice in self.front_ends if choice.settings.label == label), None)
        if settings is None:
            labels = (choice.settings.label for choice in self.front_ends)
            raise ConfigurationError(unknown_value_message(_FEATURES, label, labels))
        return self.front_end_settings.get(settings.kind, {}) | {_FEATURES: settings}

    def parameters(self, point: FoldConfiguration) -> dict[str, Value]:
        """Return a point's parameters in Optuna: the seed, and the swept or searched settings that have an effect."""
        features: dict[str, Value] = {_FEATURES: point.features.label} if self.front_ends else {}
        if self.space is None:
            return point_parameters(point) | features
        return self.space.parameters(dict(point) | features) | {"seed": point.seed}

    def points(self, precision: Precision) -> tuple[FoldConfiguration, ...]:
        """Return the points that are known before the study starts: all of a grid, in a fixed order; none of a search.

        Returns:
            Unique configurations; points that differ only in settings without effect are one.
        """
        if self.space is not None:
            return ()
        grid = product(self.seeds, self._swept_features(), self.attentions, self.scopes, self.labels)
        points = (
            self.configuration(
                features | {"attention": attention, "scope": scope, "labels": labels, "seed": seed}, precision
            )
            for seed, features, attention, scope, labels in grid
        )
        return tuple(dict.fromkeys(points))
