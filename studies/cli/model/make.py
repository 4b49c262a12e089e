"""Body of `ser model make`."""

import shlex
from pathlib import Path

from ser.feature_settings import FeatureSettings
from ser.features.builder import build_stores
from ser.features.frontends.base import FrontEndChoice
from ser.features.store import FeatureStore
from ser.inference.description import ModelDescription
from ser.inference.model_folder import check_is_new
from studies.cli.arguments import find_study, open_home
from studies.cli.model.commands import MakeOptions, TrainingSpeakers
from studies.cli.model.expectations import expectation_lines
from studies.cli.model.register import register_and_print
from studies.cli.terminal.console import Console
from studies.cli.terminal.progress import StudyDisplay
from studies.models.choice import check_usable, choose_variant
from studies.models.maker import ModelSource, make_model
from studies.models.study_corpus import load_study_corpus
from studies.search.summaries import StudySummary
from studies.storages.takeover import take_over_results
from tracking.results.store import ResultStore


def make(options: MakeOptions) -> None:
    """Make a model of a study, and print what to expect of it.

    Raises:
        StudyError: The study has no complete variant, or its corpus has changed since.
    """
    home = open_home(options)
    with StudyDisplay() as display:
        take_over_results(home, display.on_message, display.progress_bar)
    study = find_study(home, options.study)
    results = ResultStore(home.results)
    variant = choose_variant(study, results, options.variant)
    check_usable(variant)
    suffix = "-all" if options.training is TrainingSpeakers.ALL else ""
    folder = options.output or home.models / f"{study.name}{suffix}"
    check_is_new(folder)
    with StudyDisplay() as display:
        corpus = load_study_corpus(study, home, display.progress_bar("reading the corpus"), options.root)
        front_end = _front_end(study, variant.configuration.features)
        (store,) = build_stores(
            corpus,
            [front_end],
            home.features.absolute(),
            display.progress_bar("computing features"),
            display.on_message,
        )
        source = ModelSource(study.name, corpus, FeatureStore.open(store), front_end, results)
        description = make_model(source, variant, folder, options.training.value, options.bundle, display.progress_bar)
    _print(description, folder, "named by --variant" if options.variant else "chosen by validation UA")
    register_and_print(home, folder, description)


def _front_end(study: StudySummary, settings: FeatureSettings) -> FrontEndChoice:
    """The front end of a variant, with the folder of its weights."""
    return next(choice for choice in study.plan.front_end_choices() if choice.settings == settings)


def _print(description: ModelDescription, folder: Path, choice: str) -> None:
    lines = [
        f"variant {description.variant}, {choice}: {_describe_networks(description)}",
        *expectation_lines(description),
        f"model: {folder.absolute()}",
        f"use it: ser predict AUDIO --model {shlex.quote(str(folder))}",
    ]
    Console().print("\n".join(lines), soft_wrap=True, highlight=False, markup=False)


def _describe_networks(description: ModelDescription) -> str:
    count = len(description.members)
    networks = f"{count} network{'s' if count > 1 else ''}"
    if description.trained_on == "folds":
        return networks
    epochs = ", ".join(str(member.epochs) for member in description.members)
    return f"{networks} trained on all speakers for {epochs} epochs"
