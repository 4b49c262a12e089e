"""Speed of the report on a thousand trials of ten folds, vs. a plain read of the same runs.

Both run as processes over the same home, in turn: `ser report`, with imports, reading, statistics, figures and
tables; and the call that a user would write for a table of all runs, `mlflow.search_runs`, which returns scores
without predictions or a report. CPU time and memory, the peak of the resident set, are those of all of a side's
processes.

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
from pathlib import Path
from typing import Any

import psutil

from benchmarks.process_memory import resident_bytes
from benchmarks.recording.record import make_home

RESULTS = Path(__file__).parent / "results" / "report.json"
ROUNDS = 3
LIMIT_S, LIMIT_GB = 25, 1
_POLL_S = 0.05

REPORT = "from studies.cli.main import app; app(['report', '--home', {home!r}])"
PLAIN = (
    "import mlflow; mlflow.set_tracking_uri('sqlite:///' + {home!r} + '/mlflow.db'); "
    "print(len(mlflow.search_runs(search_all_experiments=True, max_results=50_000)))"
)


def measure(code: str, home: Path) -> dict[str, float]:
    """Run a line of Python in a new process, and measure it.

    Args:
        code: The line; `{home!r}` stands for the home.
        home: The data directory.

    Returns:
        `wall_s`, `processor_s` and `peak_mb` of the process and its descendants.

    Raises:
        RuntimeError: It failed; the message is its output.
    """
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    with tempfile.TemporaryFile("w+") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", code.format(home=str(home.resolve()))],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        tree, peak_bytes = psutil.Process(process.pid), 0
        while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
            peak_bytes = max(peak_bytes, resident_bytes(tree))
            time.sleep(_POLL_S)
        _, status, usage = ended
        wall_s = time.perf_counter() - started
        if status:
            output.seek(0)
            raise RuntimeError(output.read()[-2000:])
    return {
        "wall_s": wall_s,
        "processor_s": usage.ru_utime + usage.ru_stime,
        "peak_mb": max(peak_bytes / 2**20, usage.ru_maxrss / 1024),
    }


def compare(home: Path, rounds: int = ROUNDS) -> dict[str, Any]:
    """Measure both sides in turn, and return medians and their ratios."""
    sides: dict[str, list[dict[str, float]]] = {"report": [], "plain": []}
    for _ in range(rounds):
        sides["report"].append(measure(REPORT, home))
        sides["plain"].append(measure(PLAIN, home))
    medians = {
        side: {name: statistics.median(run[name] for run in runs) for name in runs[0]} for side, runs in sides.items()
    }
    ratios = {name: medians["plain"][name] / medians["report"][name] for name in medians["report"]}
    load = os.getloadavg()[1]
    return {"medians": medians, "plain_over_report": ratios, "rounds": sides, "load_average": load}


def main() -> None:
    """Print both sides, their ratios and whether the report meets its limits; store all as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="a home of benchmarks.recording.record --sqlite [default: a new one]")
    home = parser.parse_args().home
    with tempfile.TemporaryDirectory() as folder:
        if home is None:
            home = Path(folder) / "home"
            make_home(home)
        comparison = compare(home)
    print(f"{'':24} {'wall s':>8} {'CPU s':>12} {'peak MB':>8}")
    for side, title in (("report", "ser report"), ("plain", "mlflow.search_runs")):
        values = comparison["medians"][side]
        print(f"{title:24} {values['wall_s']:>8.1f} {values['processor_s']:>12.1f} {values['peak_mb']:>8.0f}")
    ratios = comparison["plain_over_report"]
    print(f"{'plain / report':24} {ratios['wall_s']:>8.2f} {ratios['processor_s']:>12.2f} {ratios['peak_mb']:>8.2f}")
    report = comparison["medians"]["report"]
    passed = report["wall_s"] < LIMIT_S and report["peak_mb"] < 1024 * LIMIT_GB
    verdict = "yes" if passed else "no"
    print(f"within {LIMIT_S} s and {LIMIT_GB} GB: {verdict}; load average {comparison['load_average']:.1f}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(comparison, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
