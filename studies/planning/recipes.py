"""Named recipes: the settings that a study fixes, and those that it sweeps or searches.

`paper` follows the paper and its framework to the letter; `recommended` is our advice for real
corpora; `quick` is for the demo corpus. These train their full grid. `extended` searches a space that
is too large for that.
"""

from typing import Any, Literal

from pydantic import Field

from ser.config import LabelStrategy, Scope
from ser.errors import ConfigurationError, unknown_value_message
from ser.frozen_model import FrozenModel
from studies.planning.search_space import Categorical, LogUniform

PrunerName = Literal["none", "median", "wilcoxon"]


class Recipe(FrozenModel):
    """Named set of settings.

    Attributes:
        name: Name of the recipe.
        summary: Its purpose, in a phrase.
        labels: Label strategies that are swept.
        scopes: Scopes that are swept, for local and component attention.
        precision: Precision; `auto` means the fastest that a probe finds, see `fastest_precision`.
        settings: All other settings of a fold's configuration, by name.
        corpus_settings: Settings that differ on a corpus, by its name.
        corpus_folds: Fold scheme on a corpus that is not divided by test speaker, by its name.
        corpus_front_ends: Front ends on a corpus, as a command line names them, by its name; elsewhere log-mels.
        front_end_settings: Settings that differ with a front end, by its kind. The recipe's own value of such a setting
            must stay: no command could name a study from before it changed.
        space: Settings that are searched, instead of those above, by name; empty for a recipe that trains the
            full grid of attentions, label strategies and scopes.
        trials: Number of points to search; null for a full grid.
        pruner: Rule that ends a trial before its last fold.
    """

    name: str
    summary: str
    labels: tuple[LabelStrategy, ...]
    scopes: tuple[Scope, ...]
    precision: Literal["fp32", "bf16", "auto"]
    settings: dict[str, Any]
    corpus_settings: dict[str, dict[str, Any]] = Field(default_factory=dict)
    corpus_folds: dict[str, str] = Field(default_factory=dict)
    corpus_front_ends: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    front_end_settings: dict[str, dict[str, Any]] = Field(default_factory=dict)
    space: dict[str, Categorical | LogUniform] = Field(default_factory=dict)
    trials: int | None = None
    pruner: PrunerName = "none"

    def settings_for(self, corpus: str) -> dict[str, Any]:
        """Return the settings on a corpus."""
        return self.settings | self.corpus_settings.get(corpus, {})

    def folds_for(self, corpus: str) -> str:
        """Return the fold scheme on a corpus."""
        return self.corpus_folds.get(corpus, "speaker")

    def front_ends_for(self, corpus: str) -> tuple[str, ...]:
        """Return the front ends on a corpus, as a command line names them."""
        return self.corpus_front_ends.get(corpus, ("log_mel",))


_PAPER_SCOPES = (3, 5, 7, 9, 11, 15, 21)

_COMMON: dict[str, Any] = {
    "criterion": "ctc",
    "joint_ctc_weight": 0.5,
    "attention_norm": "window",
    "quantum_boundary": "frames",
    "layers": 2,
    "cells": 128,
    "dropout": None,
    "output_dropout": None,
    "projection": None,
    "learning_rate": 1e-3,
    "loss_scale": "utterance",
    "batch_size": 32,
    "balance": "none",
    "validation": "partner",
}

_UPSAMPLED_AIBO = {"fau_aibo": {"balance": "upsample"}}
_DIVIDED_AIBO = {"fau_aibo": "given"}

# A model that needs statistics of all of a test speaker's audio cannot be used on a stranger's file, and frames of
# 20 ms need not be joined.
_PRETRAINED: dict[str, dict[str, Any]] = {"pretrained": {"normalisation": "zscore_training", "stack": 1}}

# Frames that already tell emotions apart need a smaller network, and fewer epochs.
_SMALL = {"cells": 64, "dropout": 0.3, "output_dropout": 0.5, "batch_size": 16, "epochs": 10}

PAPER = Recipe(
    name="paper",
    summary="the paper's settings, with its framework's RMSProp",
    labels=("words", "phonemes", "phonemes_x2"),
    scopes=_PAPER_SCOPES,
    precision="fp32",
    settings=_COMMON
    | {
        "component_score": "window",
        "quantum_states": "raw",
        "normalisation": "minmax_utterance",
        "stack": 1,
        "rmsprop": "tf1",
        "gradient_clip": None,
        "epochs": 60,
        "selection": "best_validation",
        "ema_decay": None,
        "decision": "best_path",
    },
    corpus_settings=_UPSAMPLED_AIBO,
    corpus_folds=_DIVIDED_AIBO,
)

RECOMMENDED = Recipe(
    name="recommended",
    summary="what we advise on real corpora",
    labels=("words", "phonemes", "utterance"),
    scopes=_PAPER_SCOPES,
    precision="auto",
    settings=_COMMON
    | {
        "component_score": "dense",
        "quantum_states": "unit",
        "normalisation": "zscore_speaker",
        "stack": 3,
        "rmsprop": "torch",
        "gradient_clip": 5.0,
        "epochs": 24,
        "selection": "last",
        "ema_decay": 0.98,
        "decision": "posterior",
    },
    corpus_settings=_UPSAMPLED_AIBO,
    corpus_folds=_DIVIDED_AIBO,
    front_end_settings={"pretrained": _PRETRAINED["pretrained"] | _SMALL},
)

QUICK = Recipe(
    name="quick",
    summary="a few minutes on the demo corpus",
    labels=("words", "phonemes", "phonemes_x2"),
    scopes=(9,),
    precision="auto",
    # Training of quantum can fail in a late epoch; validation shows it, and an epoch from before is taken.
    settings=RECOMMENDED.settings
    | {"stack": 2, "cells": 64, "dropout": 0.3, "batch_size": 8, "epochs": 10, "selection": "best_validation"},
    corpus_front_ends={"demo": ("log_mel_prosody",)},
    front_end_settings=_PRETRAINED,
)

EXTENDED = Recipe(
    name="extended",
    summary="a search over sizes, training and readings of the method, from what we advise",
    labels=("words", "phonemes", "utterance"),
    scopes=_PAPER_SCOPES,
    precision="auto",
    settings=RECOMMENDED.settings,
    corpus_settings=_UPSAMPLED_AIBO,
    corpus_folds=_DIVIDED_AIBO,
    front_end_settings=_PRETRAINED,
    space={
        "learning_rate": LogUniform(low=1e-4, high=1e-2),
        "cells": Categorical(values=(64, 128, 256)),
        "layers": Categorical(values=(1, 2, 3)),
        "dropout": Categorical(values=(None, 0.1, 0.2, 0.3, 0.5)),
        "stack": Categorical(values=(1, 2, 3)),
        "ema_decay": Categorical(values=(None, 0.95, 0.98, 0.99)),
        "normalisation": Categorical(
            values=("zscore_speaker", "zscore_training", "minmax_training", "minmax_utterance"),
        ),
        "component_score": Categorical(values=("dense", "window")),
        "attention_norm": Categorical(values=("window", "literal")),
        "quantum_boundary": Categorical(values=("frames", "states")),
        "quantum_states": Categorical(values=("unit", "raw")),
        "projection": Categorical(values=(None, 64, 128)),
        # Not `likelihood`, which uses the counts of the utterance that it decodes.
        "decision": Categorical(values=("posterior", "best_path")),
    },
    trials=50,
    pruner="median",
)

RECIPES = {recipe.name: recipe for recipe in (PAPER, RECOMMENDED, QUICK, EXTENDED)}
"""All recipes by name."""


def default_recipe(corpus: str) -> str:
    """Return the name of a corpus's default recipe."""
    return QUICK.name if corpus == "demo" else RECOMMENDED.name


def recipe_named(name: str) -> Recipe:
    """Return a recipe by its name.

    Raises:
        ConfigurationError: There is none of that name; the text lists the names.
    """
    if name not in RECIPES:
        raise ConfigurationError(unknown_value_message("recipe", name, RECIPES))
    return RECIPES[name]
