"""Log of a study: all records of the logger `ser` while the study runs, with times and without passwords."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from typing_extensions import override

from studies.monitoring.events import FoldFailure, StudyCallback, StudyProgress
from tracking.backend.errors import redact_password

_log = logging.getLogger("ser")


class PasswordFilter(logging.Filter):
    """Filter that replaces the passwords in a record's message and traceback."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact_password(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = redact_password(logging.Formatter().formatException(record.exc_info))
        return True


class LogCallback(StudyCallback):
    """Callback that logs a study's progress, failed folds with their tracebacks, and every message."""

    @override
    def on_progress(self, progress: StudyProgress) -> None:
        folds, trials = (progress.folds_done, progress.folds), (progress.trials_done, progress.trials)
        _log.info("%d of %d folds done, %d of %d trials", *folds, *trials)

    @override
    def on_fold_end(self, slot: int, fold: str) -> None:
        _log.info("fold %s done by worker %d", fold, slot)

    @override
    def on_fold_failed(self, failure: FoldFailure) -> None:
        _log.warning(
            "fold %s failed in worker %d (%s); attempts left: %d\n%s",
            failure.fold,
            failure.slot,
            failure.reason,
            failure.attempts_left,
            failure.traceback,
        )

    @override
    def on_message(self, message: str) -> None:
        _log.warning("%s", message)


class _LogFile(logging.FileHandler):
    @override
    def handleError(self, record: logging.LogRecord) -> None:
        """Stop logging: the terminal must not fill with tracebacks where a full disk lets the study itself go on."""
        self.setLevel(logging.CRITICAL + 1)


@contextmanager
def log_to_file(path: Path) -> Iterator[None]:
    """Append all records of the logger `ser` to a log file while the block runs.

    Args:
        path: The log file; it is created with its folder if it is missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = _LogFile(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    handler.addFilter(PasswordFilter())
    level = _log.level
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    try:
        _log.info("study started")
        yield
        _log.info("study ended")
    except BaseException as error:
        _log.error("study stopped: %s: %s", type(error).__name__, error)
        raise
    finally:
        _log.removeHandler(handler)
        _log.setLevel(level)
        # What a full disk has refused is lost.
        with suppress(OSError):
            handler.close()
