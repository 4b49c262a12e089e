"""The report on a thousand trials of ten folds, against reading the same runs plainly.

Both run as a process of their own over the same home, in turn: `ser report`, imports, reading, statistics, pictures and
tables included; and the line that a user would write to have all runs as a table, `mlflow.search_runs`, which gives
the scores and neither decisions nor a report. Processor time and memory, the peak of the resident set, are those of
all of a side's processes.

    python -m benchmarks.report_speed [--home FOLDER]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from benchmarks.recording.record import make_home

RESULTS = Path(__file__).parent / "results" / "report.json"
ROUNDS = 3
LIMIT_S, LIMIT_GB = 15, 1
_LOOK_S = 0.05

REPORT = "from studies.cli.main import app; app(['report', '--home', {home!r}])"
PLAIN = (
    "import mlflow; mlflow.set_tracking_uri('sqlite:///' + {home!r} + '/mlflow.db'); "
    "print(len(mlflow.search_runs(search_all_experiments=True, max_results=50_000)))"
)


def measured(code: str, home: Path) -> dict[str, float]:
    """Runs a line of Python in a process of its own.

    Args:
        code: The line; `{home!r}` stands for the home.
        home: The home.

    Returns:
        `wall_s`, `processor_s` and `peak_mb`, those of the processes that it started among them.

    Raises:
        RuntimeError: It failed; the text is what it printed.
    """
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    with tempfile.TemporaryFile("w+") as printed:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", code.format(home=str(home.resolve()))],
            stdout=printed,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        watched, peak_b = psutil.Process(process.pid), 0
        while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
            peak_b = max(peak_b, _resident_b(watched))
            time.sleep(_LOOK_S)
        _, status, usage = ended
        wall_s = time.perf_counter() - began
        if status:
            printed.seek(0)
            raise RuntimeError(printed.read()[-2000:])
    return {
        "wall_s": wall_s,
        "processor_s": usage.ru_utime + usage.ru_stime,
        "peak_mb": max(peak_b / 2**20, usage.ru_maxrss / 1024),
    }


def _resident_b(process: psutil.Process) -> int:
    """Resident memory of a process and of those that it started, in bytes."""
    total = 0
    # A process may end between the look at the list and the look at it.
    with suppress(psutil.NoSuchProcess):
        for each in (process, *process.children(recursive=True)):
            total += each.memory_info().rss
    return total


def compare(home: Path, rounds: int = ROUNDS) -> dict[str, Any]:
    """Both sides in turn, and the medians with their ratios."""
    sides: dict[str, list[dict[str, float]]] = {"report": [], "plain": []}
    for _ in range(rounds):
        sides["report"].append(measured(REPORT, home))
        sides["plain"].append(measured(PLAIN, home))
    medians = {
        side: {name: statistics.median(run[name] for run in runs) for name in runs[0]} for side, runs in sides.items()
    }
    ratios = {name: medians["plain"][name] / medians["report"][name] for name in medians["report"]}
    load = os.getloadavg()[1]
    return {"medians": medians, "plain_over_report": ratios, "rounds": sides, "load_average": load}


def main() -> None:
    """Prints both sides, their ratios and whether the report keeps within its limits; keeps all as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--home", type=Path, help="a home of benchmarks.recording.record --sqlite; made where not given"
    )
    home = parser.parse_args().home
    with tempfile.TemporaryDirectory() as folder:
        if home is None:
            home = Path(folder) / "home"
            make_home(home)
        found = compare(home)
    print(f"{'':24} {'wall s':>8} {'processor s':>12} {'peak MB':>8}")
    for side, title in (("report", "ser report"), ("plain", "mlflow.search_runs")):
        values = found["medians"][side]
        print(f"{title:24} {values['wall_s']:>8.1f} {values['processor_s']:>12.1f} {values['peak_mb']:>8.0f}")
    ratios = found["plain_over_report"]
    print(f"{'plain / report':24} {ratios['wall_s']:>8.2f} {ratios['processor_s']:>12.2f} {ratios['peak_mb']:>8.2f}")
    report = found["medians"]["report"]
    kept = report["wall_s"] < LIMIT_S and report["peak_mb"] < 1024 * LIMIT_GB
    print(f"within {LIMIT_S} s and {LIMIT_GB} GB: {'yes' if kept else 'no'}; load average {found['load_average']:.1f}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
