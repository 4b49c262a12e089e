"""Body of `ser report --cross`: the table of all evaluations, on the terminal and as CSV."""

import csv
import io
from dataclasses import fields

from ser.errors import ConfigurationError, StudyError
from ser.files import atomic_write
from studies.cli.arguments import open_home
from studies.cli.report.commands import ReportOptions
from studies.cli.terminal.console import Console
from studies.cli.terminal.cross_table import describe_classes, print_cross_table
from tracking.analysis.escaping import escape_csv
from tracking.results.evaluations import Evaluation, EvaluationStore

_COLUMNS = (
    *("training_corpus", "model", "variant", "trained_on", "test_corpus", "test_corpus_digest", "networks"),
    *("ua", "ua_low", "ua_high", "wa", "wa_low", "wa_high", "utterances", "speakers", "classes", "left_out"),
    *("unused_classes", "left_out_speakers", "unreadable_utterances", "training_checked_by"),
)

_OPTIONS = ("home", "storage", "tracking", "output", "cross")
"""Options of `ser report` that it takes; evaluations are in the home, whatever the stores of studies and runs."""


def report_cross(options: ReportOptions) -> None:
    """Print the UA of all models on all corpora that they were evaluated on, and write it as CSV.

    Raises:
        ConfigurationError: An option has no effect on it.
        StudyError: No model has been evaluated.
    """
    without_effect = [
        f"--{option.name}"
        for option in fields(options)
        if option.name not in _OPTIONS and getattr(options, option.name) != option.default
    ]
    if without_effect:
        raise ConfigurationError(
            f"--cross is the table of all evaluations: it takes --home and --output, and no {', '.join(without_effect)}"
        )
    home = open_home(options)
    evaluations = EvaluationStore(home.evaluations).read_all()
    if not evaluations:
        raise StudyError(
            f"{home.evaluations}: no model has been evaluated; evaluate one with: ser model evaluate --corpus NAME "
            "--root FOLDER"
        )
    print_cross_table(evaluations)
    folder = options.output or home.reports
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write(folder / "cross.csv", _csv(evaluations))
    console = Console()
    console.print("UA with 95% intervals over speakers; classes of the corpus under another name in brackets")
    console.print(f"table: {folder / 'cross.csv'}", soft_wrap=True, highlight=False, markup=False)


def _csv(evaluations: list[Evaluation]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for entry in evaluations:
        names = (
            *(entry.training_corpus.name, entry.model, entry.variant, entry.trained_on),
            *(entry.test_corpus.name, entry.test_corpus.digest, entry.networks),
        )
        scores = (
            *(entry.ua, *(entry.ua_interval or ("", ""))),
            *(entry.wa, *(entry.wa_interval or ("", ""))),
            *(entry.utterances, entry.speakers),
        )
        left_out = "; ".join(f"{name} {count}" for name, count in entry.left_out.items())
        speakers = "; ".join(entry.heard_speakers)
        texts = (describe_classes(entry), left_out, "; ".join(entry.unused_classes), speakers)
        checks = (len(entry.unreadable), entry.checked_by or "not checked")
        writer.writerow([*map(escape_csv, names), *scores, *map(escape_csv, texts), *checks])
    return file.getvalue()
