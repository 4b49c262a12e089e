"""How much each setting matters to validation UA; for many trials computed while the report is drawn."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from studies.fanova import Value, variance_shares
from tracking.analysis.overview import Overview
from tracking.analysis.report.background import Importances
from tracking.analysis.variants import FIXED

LEAST_TRIALS = 8
"""With fewer trials an importance would be read off a handful of numbers."""

MANY_TRIALS = 100
"""From so many trials on the computation takes longer than the start of another process."""


@dataclass(frozen=True)
class Group:
    """Trials that share some settings, of which at least two vary.

    Attributes:
        among: Which trials, in words.
        settings: The settings that vary: a value for each trial, by name.
        validation_ua: Mean validation UA of each trial, 0..1.
    """

    among: str
    settings: Mapping[str, Sequence[Value]]
    validation_ua: Sequence[float]

    def importances(self, shares: Mapping[str, float]) -> Importances:
        """These shares as the importances of the group's settings."""
        return Importances(self.among, len(self.validation_ua), shares)


def groups_of(overview: Overview) -> tuple[Group, ...]:
    """The groups of complete trials whose importances a report tells; test scores do not enter.

    Settings that only some trials have, such as the scope, are judged among those trials alone.

    Args:
        overview: What the results say.

    Returns:
        All trials, and those with a window; a group is left out where it has fewer than `LEAST_TRIALS`
        trials, or fewer than two settings that vary.
    """
    trials = [
        (_settings(entry.variant.configuration, seed), float(np.mean([fold.validation_ua for fold in folds])))
        for entry in overview.complete
        if entry.variant.kind == FIXED
        for seed, folds in entry.variant.folds.items()
    ]
    windowed = [trial for trial in trials if "scope" in trial[0]]
    groups = [_group("all trials", trials)]
    if len(windowed) < len(trials):
        groups.append(_group("trials with a window (local and component attention)", windowed))
    return tuple(group for group in groups if group is not None)


def _settings(configuration: Any, seed: int) -> dict[str, Value]:
    """Settings that have an effect, numbers as numbers and all others as text; features among them."""
    values = {**configuration.model_dump(mode="json"), "seed": seed}
    values |= values.pop("features")
    return {
        name: float(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
        for name, value in values.items()
        if value is not None
    }


def _group(among: str, trials: Sequence[tuple[Mapping[str, Value], float]]) -> Group | None:
    shared = set.intersection(*(set(settings) for settings, _ in trials)) if trials else set()
    values = {name: [settings[name] for settings, _ in trials] for name in sorted(shared)}
    varying = {name: own for name, own in values.items() if len(set(own)) > 1}
    uas = [ua for _, ua in trials]
    if len(trials) < LEAST_TRIALS or len(varying) < 2 or len(set(uas)) == 1:
        return None
    return Group(among, varying, uas)


@contextmanager
def importances_meanwhile(overview: Overview) -> Iterator[Callable[[], tuple[Importances, ...]]]:
    """Computes importances while the block does something else, where there are trials enough.

    Args:
        overview: What the results say.

    Yields:
        Waits for the importances, and gives them.
    """
    groups = groups_of(overview)
    if sum(len(group.validation_ua) for group in groups) < MANY_TRIALS:
        yield lambda: tuple(group.importances(variance_shares(group.settings, group.validation_ua)) for group in groups)
        return
    with tempfile.TemporaryFile("w+") as question, tempfile.TemporaryFile("w+") as answer:
        json.dump([(group.settings, group.validation_ua) for group in groups], question)
        question.seek(0)
        process = subprocess.Popen([sys.executable, "-m", "studies.fanova"], stdin=question, stdout=answer)

        def answered() -> tuple[Importances, ...]:
            found = _answer(process, answer)
            return tuple(group.importances(shares) for group, shares in zip(groups, found, strict=True))

        try:
            yield answered
        finally:
            process.kill()
            process.wait()


def _answer(process: "subprocess.Popen[bytes]", answer: IO[str]) -> list[dict[str, float]]:
    if process.wait() != 0:
        raise RuntimeError(f"the process that computes importances ended with status {process.returncode}")
    answer.seek(0)
    found: list[dict[str, float]] = json.load(answer)
    return found
