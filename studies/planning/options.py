"""Choices a user makes for a study, as typed: names and text, validated when a plan is made from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ser.config import FoldConfiguration
from ser.errors import ConfigurationError, unknown_value_message
from studies.planning.recipes import RECIPES, Recipe

_SWEPT = ("attention", "scope", "labels", "seed", "precision", "criterion", "features")


@dataclass(frozen=True, kw_only=True)
class StudyOptions:
    """Options of a study.

    Attributes:
        corpus: Name of the corpus.
        recipe: Name of the recipe.
        attentions: Attentions; `all` stands for every one.
        baseline: Sweep attention `none`, too, with which the others are compared; a search sweeps its attentions only.
        labels: Label strategies; empty for the recipe's.
        scopes: Scopes; empty for the recipe's.
        criterion: The criterion, or None for the recipe's.
        folds: Fold scheme, or None for the recipe's on that corpus.
        seeds: Number of seeds, 1 or more.
        overrides: Other settings of a fold's configuration, or `precision`, as text by name.
        corpus_options: Options of the corpus as text, by name.
        trials: Configurations to search, 1 or more, or None for the recipe's; only for a recipe that searches.
        pruner: `median`, `wilcoxon` or `none`, or None for the recipe's; for a full grid only `none`.
        features: Front ends, as `ser.features.frontends.choices` reads them; empty for the recipe's.
        download: Whether a checkpoint that is not in the user's cache may be downloaded from its hub.
    """

    corpus: str
    recipe: str
    attentions: tuple[str, ...]
    baseline: bool = False
    labels: tuple[str, ...] = ()
    scopes: tuple[int, ...] = ()
    criterion: str | None = None
    folds: str | None = None
    seeds: int = 1
    overrides: Mapping[str, str] = field(default_factory=dict)
    corpus_options: Mapping[str, str] = field(default_factory=dict)
    trials: int | None = None
    pruner: str | None = None
    features: tuple[str, ...] = ()
    download: bool = False

    def check(self, recipe: Recipe) -> None:
        """Refuse names of settings, counts and search options that no plan of the recipe can have.

        Raises:
            ConfigurationError: One of them is not valid; the text names the valid ones.
        """
        self._check_setting_names()
        self._check_counts()
        if not recipe.space:
            self._check_grid_options(recipe)

    def _check_setting_names(self) -> None:
        settings = set(FoldConfiguration.model_fields) - set(_SWEPT) | {"precision"}
        for name in self.overrides:
            if name not in settings:
                raise ConfigurationError(unknown_value_message("setting", name, sorted(settings)))

    def _check_counts(self) -> None:
        for option, count in (("seeds", self.seeds), ("trials", self.trials)):
            if count is not None and count < 1:
                raise ConfigurationError(f"--{option} must be 1 or more, got {count}")

    def _check_grid_options(self, recipe: Recipe) -> None:
        """Refuse options of a search where the recipe trains every configuration of its grid."""
        searching = ", ".join(f"'{searched.name}'" for searched in RECIPES.values() if searched.space)
        given = {"trials": self.trials is not None, "pruner": self.pruner not in (None, "none")}
        for option, is_given in given.items():
            if is_given:
                raise ConfigurationError(
                    f"--{option} applies to recipe {searching} only; recipe '{recipe.name}' trains its full grid"
                )
