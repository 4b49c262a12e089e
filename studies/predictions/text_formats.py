"""Predictions as CSV, JSON lines, and tables in audformat.

All writers take the emotions of a model in the order of its classes, and whether rows are of segments: these have a
start and an end.
"""

import csv
import json
from collections.abc import Sequence
from typing import TextIO

from ser.inference.model import label_scores
from studies.predictions.rows import PredictionRow
from tracking.analysis.escaping import escape_csv


def write_csv(emotions: Sequence[str], rows: Sequence[PredictionRow], segments: bool, output: TextIO) -> None:
    """Write predictions as CSV."""
    writer = csv.writer(output, lineterminator="\n")
    times = ["start_s", "end_s"] if segments else []
    writer.writerow(["file", *times, "emotion", *map(escape_csv, emotions), "entropy"])
    for row in rows:
        bounds = [f"{row.start_s:.3f}", f"{row.end_s:.3f}"] if segments else []
        writer.writerow([escape_csv(row.file), *bounds, escape_csv(row.emotion), *_numbers(emotions, row)])


def write_audformat(emotions: Sequence[str], rows: Sequence[PredictionRow], segments: bool, output: TextIO) -> None:
    """Write predictions as a table that `audformat.utils.read_csv` reads: by file, or by file, start and end.

    Names are as they are, since a program looks for files by them.
    """
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(["file", *(["start", "end"] if segments else []), "emotion", *emotions, "entropy"])
    for row in rows:
        bounds = [_timedelta(row.start_s or 0.0), _timedelta(row.end_s or 0.0)] if segments else []
        writer.writerow([row.file, *bounds, row.emotion, *_numbers(emotions, row)])


def write_json_lines(emotions: Sequence[str], rows: Sequence[PredictionRow], segments: bool, output: TextIO) -> None:
    """Write predictions as JSON objects, one in a line, with the most probable emotion first."""
    for row in rows:
        values = {"file": row.file, "start_s": row.start_s, "end_s": row.end_s} if segments else {"file": row.file}
        scores = {"emotion": row.emotion, "entropy": row.entropy, "scores": label_scores(row.probabilities)}
        print(json.dumps(values | scores), file=output)


def _numbers(emotions: Sequence[str], row: PredictionRow) -> list[str]:
    return [*(f"{row.probabilities[emotion]:.6f}" for emotion in emotions), f"{row.entropy:.4f}"]


def _timedelta(seconds: float) -> str:
    """Write a time as audformat does.

    Examples:
        >>> _timedelta(3671.25)
        '0 days 01:01:11.250'
    """
    milliseconds = round(1000 * seconds)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days} days {hours:02}:{minutes:02}:{rest // 1000:02}.{rest % 1000:03}"
