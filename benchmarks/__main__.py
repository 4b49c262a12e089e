"""`make bench`: measures everything in one run, prints it, and keeps it as JSON and as a picture."""

import json
import platform
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table

from benchmarks import features, overhead, training, workers
from benchmarks.picture import draw
from benchmarks.rows import Row
from benchmarks.training import case_of
from benchmarks.workloads import Source, configuration_of
from ser.processor import processor_name
from studies.bf16 import runs_bf16

RESULTS = Path(__file__).parent / "results"
# The slow side takes half an hour for an epoch of IEMOCAP's shape: both sides of a ratio take a part, drawn at random.
_SHARE = 0.125
_LEAST_SHARE = 60.0
_ATTENTIONS: tuple[dict[str, Any], ...] = (
    {"attention": "local"},
    {"attention": "component"},
    {"attention": "component", "component_score": "window"},
    {"attention": "quantum"},
)

Section = Callable[[], list[Row]]


def sections(emodb: Path | None, folder: Path, rounds: int) -> dict[str, Section]:
    """What is measured, by name and in order; without EmoDB what needs it is left out."""
    whole, part = Source(folder), Source(folder, share=_SHARE)
    workloads = [(whole, part, 6.0)]
    if emodb is not None:
        real = Source(folder, emodb)
        workloads.insert(0, (real, real, 4.0))
    found: dict[str, Section] = {}
    for (source, compared, times), frame_ms in product(workloads, (10, 30)):
        plain, fine = configuration_of("none", frame_ms), frame_ms == 10
        least_share = _LEAST_SHARE if source is whole and fine else None
        found[f"share: {case_of(source, plain)}"] = partial(training.share_of_rate, source, plain, rounds, least_share)
        found[f"reference: {case_of(compared, plain)}"] = partial(
            training.against_reference, compared, plain, rounds, times if fine else None
        )
    for (_, compared, _), frame_ms in product(workloads, (10, 30)):
        for settings in _ATTENTIONS:
            other = configuration_of(frame_ms=frame_ms, **settings)
            found[f"reference: {case_of(compared, other)}"] = partial(
                training.against_reference, compared, other, 1, None
            )
        case = f"{compared.name}, {frame_ms} ms"
        found[f"attentions: {case}"] = partial(training.against_none, compared, frame_ms, rounds)
        if runs_bf16(torch.device("cpu")):
            found[f"bf16: {case}"] = partial(training.bf16_against_fp32, compared, frame_ms, rounds)
    found["memory"] = partial(workers.memory, whole, epochs=3)
    found["starts"] = partial(workers.starts, rounds)
    if emodb is not None:
        found["features"] = partial(features.against_librosa, emodb, folder, rounds)
        found["two workers"] = partial(workers.two_against_one, emodb, folder, epochs=4, rounds=rounds)
        found["study"] = partial(overhead.of_a_study, emodb, folder / "home", epochs=24)
    return found


def main(
    emodb: Annotated[Path | None, typer.Option(help="Folder of EmoDB; without it its figures are left out.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each side of a ratio runs.")] = 3,
    only: Annotated[str, typer.Option(help="Measure only what has this text in its name.")] = "",
    results: Annotated[Path, typer.Option(help="Folder of the JSON and the picture.")] = RESULTS,
) -> None:
    """Measure speed and memory, as ratios within one run.

    Example: python -m benchmarks --emodb corpora/emodb --rounds 3
    """
    console, rows = Console(), list[Row]()
    started = datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="ser-bench-") as folder:
        chosen = [(name, section) for name, section in sections(emodb, Path(folder), rounds).items() if only in name]
        for number, (name, section) in enumerate(chosen, start=1):
            with console.status(f"{number} of {len(chosen)}: {name}"):
                found = section()
            for row in found:
                console.print(f"{row.section}: {row.case}: {row.value:.3g} {row.unit}")
            rows += found
    console.print(table(rows))
    if not runs_bf16(torch.device("cpu")):
        console.print("This processor does not train in bf16: its figures are left out.")
    if emodb is None:
        console.print("EmoDB was not given (--emodb FOLDER): its figures are left out.")
    results.mkdir(parents=True, exist_ok=True)
    kept = {
        "started": started.isoformat(timespec="seconds"),
        "processor": processor_name(),
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "rounds": rounds,
        "rows": [asdict(row) | {"reached": row.reached} for row in rows],
    }
    (results / "bench.json").write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    draw(rows, results / "bench.svg")
    console.print(f"kept in {results}/bench.json and bench.svg")


def table(rows: list[Row]) -> Table:
    """All rows, with their aims and whether they are reached."""
    drawn = Table(
        "measured", "case", "value", "aim", "", "made from", title="Measured in one run", title_justify="left"
    )
    for row in rows:
        aim = "" if row.aim is None else f"{'at most' if row.at_most else 'at least'} {row.aim:g}"
        verdict = {None: "", True: "reached", False: "missed"}[row.reached]
        drawn.add_row(row.section, row.case, f"{row.value:.3g} {row.unit}", aim, verdict, row.details)
    return drawn


if __name__ == "__main__":
    typer.run(main)
