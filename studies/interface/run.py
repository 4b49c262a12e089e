"""Run a study from Python."""

from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from ser.errors import ConfigurationError
from studies.cli.study.run import Resources, check_failures, run_and_report
from studies.cli.terminal.progress import print_message
from studies.planning.plan import StudyPlan
from studies.planning.study_file import read_study_file
from studies.planning.study_keys import StudyKeys, options_of_keys
from studies.reporting.report_upload import upload_to_study_run
from studies.storages.home import Home


@dataclass(frozen=True)
class FinishedStudy:
    """Study without an open fold.

    Attributes:
        name: Its name.
        report: Page of the report of its corpus.
    """

    name: str
    report: Path | None


def run(
    file: Path | str | None = None,
    *,
    home: Path | str = "data",
    root: Path | str | None = None,
    storage: str | None = None,
    tracking: str | None = None,
    workers: int | None = None,
    device: str | None = None,
    **keys: Unpack[StudyKeys],
) -> FinishedStudy:
    """Run a study, or resume it, and write the report of its corpus; progress is shown on standard error.

    Args:
        file: Study file, instead of the keys.
        home: Folder of results and reports.
        root: Folder of the corpus; not needed for the demo corpus, nor where the file names it.
        storage: PostgreSQL database of studies, or None for SQLite in the home.
        tracking: MLflow tracking server, or None for SQLite in the home.
        workers: Folds trained at once, or None for as many as the machine has room for.
        device: 'cpu' or 'cuda', or None for GPUs where there are any.
        **keys: The study, named as in a study file: `attention="quantum", labels=["words", "phonemes"], seeds=3`.

    Raises:
        ConfigurationError: Neither or both of file and keys name a study, or a value is not valid.
        SerError: The study cannot be run, or folds failed.
    """
    if file is None:
        if not keys.get("attention"):
            raise ConfigurationError("expected attention, such as attention='quantum', or a study file")
        plan, folder = StudyPlan.from_options(options_of_keys(keys)), None
    elif keys:
        raise ConfigurationError(
            f"{file} names the whole study; leave out {', '.join(keys)}, or edit a copy of the file"
        )
    else:
        study_file = read_study_file(Path(file).expanduser())
        plan, folder = study_file.plan, study_file.root
    folder = folder if root is None else Path(root)
    opened = Home(Path(home).expanduser(), storage, tracking)
    outcome, study, report = run_and_report(plan, folder, opened, Resources(workers=workers, device=device))
    if report is not None:
        upload_to_study_run(report.page.parent, opened, study, print_message)
    check_failures(outcome)
    return FinishedStudy(outcome.study, None if report is None else report.page)
