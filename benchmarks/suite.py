"""`make bench`: measures everything in one run, prints it, and keeps it as JSON and as a picture."""

import json
import platform
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.cases import features, overhead, training, workers
from benchmarks.cases.training import case_label
from benchmarks.measurement import Measurement
from benchmarks.plot import draw
from benchmarks.workloads import Source, configuration_of
from ser.devices import cpu_name
from studies.execution.bf16_probe import runs_bf16

RESULTS = Path(__file__).parent / "results"
# An epoch of IEMOCAP's shape takes the slow side two hours: both sides of a ratio take a part, drawn at random.
_SHARE = 0.0625
_LEAST_ROUNDS = 5
_ATTENTIONS: tuple[dict[str, Any], ...] = (
    {"attention": "local"},
    {"attention": "component"},
    {"attention": "component", "component_score": "window"},
    {"attention": "quantum"},
)

Section = Callable[[], list[Measurement]]


@dataclass(frozen=True)
class Workload:
    """What epochs are measured on.

    Attributes:
        whole: All of it: where the share of the machine's rate is measured.
        compared: What both sides of a ratio train on, all of it or a part.
        times: The ratio to the reference that is good enough at 10 ms.
        least_share: The share of the rate that is good enough at 10 ms, in percent, or None.
    """

    whole: Source
    compared: Source
    times: float
    least_share: float | None = None


def training_sections(workload: Workload, rounds: int, device: str) -> dict[str, Section]:
    """Epochs on one workload and device: every attention, at 10 and 30 ms a frame."""
    whole, compared = workload.whole, workload.compared
    found: dict[str, Section] = {}
    for frame_ms in (10, 30):
        plain, fine = configuration_of("none", frame_ms), frame_ms == 10
        least_share, times = (workload.least_share, workload.times) if fine and device == "cpu" else (None, None)
        found[f"share: {case_label(whole, plain, device)}"] = partial(
            training.peak_share, whole, plain, rounds, least_share, device
        )
        found[f"reference: {case_label(compared, plain, device)}"] = partial(
            training.vs_reference, compared, plain, rounds, times, device
        )
        for settings in _ATTENTIONS:
            other = configuration_of(frame_ms=frame_ms, **settings)
            found[f"reference: {case_label(compared, other, device)}"] = partial(
                training.vs_reference, compared, other, 1, None, device
            )
        case = case_label(compared, plain, device)
        found[f"attentions: {case}"] = partial(training.against_none, compared, frame_ms, rounds, device)
        if runs_bf16(torch.device(device)):
            found[f"bf16: {case}"] = partial(training.bf16_against_fp32, compared, frame_ms, rounds, device)
    return found


def sections(emodb: Path | None, folder: Path, rounds: int) -> dict[str, Section]:
    """What is measured, by name and in order; without EmoDB or a card what needs them is left out."""
    shape, card = Source(folder), "cuda:0" if torch.cuda.is_available() else None
    workloads = [Workload(shape, Source(folder, share=_SHARE), 6.0, 60.0)]
    if emodb is not None:
        real = Source(folder, emodb)
        workloads.insert(0, Workload(real, real, 4.0))
    found: dict[str, Section] = {}
    for device in ("cpu", card):
        for workload in workloads if device else ():
            found |= training_sections(workload, rounds, str(device))
    if card is not None:
        found["trial on a card"] = partial(workers.trial_against_reference, shape, 30, card)
    found["memory"] = partial(workers.memory, shape, epochs=3)
    # A few seconds each: taken often enough to be steady.
    found["starts"] = partial(workers.starts, max(rounds, _LEAST_ROUNDS))
    if emodb is not None:
        found["features"] = partial(features.against_librosa, emodb, folder, max(rounds, _LEAST_ROUNDS))
        found["two workers"] = partial(workers.two_against_one, real, epochs=4, rounds=rounds)
        found["study"] = partial(overhead.of_a_study, emodb, folder / "home", epochs=12)
    return found


def skipped_reasons(emodb: Path | None) -> list[str]:
    """What this machine or call lacks, in words."""
    reasons = {
        "This processor does not train in bf16: its figures are left out.": not runs_bf16(torch.device("cpu")),
        "There is no graphics card: its figures are left out.": not torch.cuda.is_available(),
        "EmoDB was not given (--emodb FOLDER): its figures are left out.": emodb is None,
    }
    return [text for text, holds in reasons.items() if holds]


def main(
    emodb: Annotated[Path | None, typer.Option(help="Folder of EmoDB; without it its figures are left out.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each side of a ratio runs.")] = 3,
    only: Annotated[
        list[str] | None, typer.Option(help="Measure only what has this text in its name; may be repeated.")
    ] = None,
    results: Annotated[Path, typer.Option(help="Folder of the JSON and the picture.")] = RESULTS,
) -> None:
    """Measure speed and memory, as ratios within one run.

    Example: python -m benchmarks --emodb corpora/emodb --rounds 3
    """
    console, rows = Console(), list[Measurement]()
    started = datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="ser-bench-") as folder:
        offered, wanted = sections(emodb, Path(folder), rounds), only or [""]
        chosen = [(name, section) for name, section in offered.items() if any(text in name for text in wanted)]
        for number, (name, section) in enumerate(chosen, start=1):
            with console.status(f"{number} of {len(chosen)}: {name}"):
                found = section()
            for row in found:
                console.print(f"{row.section}: {row.case}: {row.value:.3g} {row.unit}")
            rows += found
    console.print(table(rows))
    for reason in skipped_reasons(emodb):
        console.print(reason)
    results.mkdir(parents=True, exist_ok=True)
    kept = {
        "started": started.isoformat(timespec="seconds"),
        "processor": cpu_name(),
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "card": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "rounds": rounds,
        "left_out": skipped_reasons(emodb),
        "not_asked_for": [name for name in offered if name not in dict(chosen)],
        "rows": [asdict(row) | {"reached": row.passed} for row in rows],
    }
    (results / "bench.json").write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    draw(rows, results / "bench.svg")
    console.print(f"kept in {results}/bench.json and bench.svg")


def table(rows: list[Measurement]) -> Table:
    """All rows, with their aims and whether they are reached."""
    drawn = Table(
        "measured", "case", "value", "aim", "", "made from", title="Measured in one run", title_justify="left"
    )
    for row in rows:
        aim = "" if row.target is None else f"{'at most' if row.upper_bound else 'at least'} {row.target:g}"
        verdict = {None: "", True: "reached", False: "missed"}[row.passed]
        drawn.add_row(row.section, row.case, f"{row.value:.3g} {row.unit}", aim, verdict, row.details)
    return drawn
