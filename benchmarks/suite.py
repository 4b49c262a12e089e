"""Measure everything in one run, print it, and store it as JSON and as a figure (`make bench`)."""

import json
import platform
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from studies.execution.precision_probe import runs_bf16

RESULTS = Path(__file__).parent / "results"
# An epoch of IEMOCAP's shape takes the reference two hours: both sides of a ratio train on a random sample.
_SHARE = 0.0625
_MIN_ROUNDS = 5
_ATTENTIONS: tuple[dict[str, Any], ...] = (
    {"attention": "local"},
    {"attention": "component"},
    {"attention": "component", "component_score": "window"},
    {"attention": "quantum"},
)

Section = Callable[[], list[Measurement]]


@dataclass(frozen=True)
class Workload:
    """Utterances that epochs are measured on, with targets.

    Attributes:
        full: All of them, for the share of the machine's rate.
        sample: Those that both sides of a ratio train on, all or some.
        target_ratio: Target of the ratio to the reference at 10 ms.
        target_share: Target of the share of the rate at 10 ms, in percent, or None.
    """

    full: Source
    sample: Source
    target_ratio: float
    target_share: float | None = None


def training_sections(workload: Workload, rounds: int, device: str) -> dict[str, Section]:
    """List the measurements of epochs on one workload and device: every attention, at 10 and 30 ms per frame."""
    full, sample = workload.full, workload.sample
    listed: dict[str, Section] = {}
    for frame_ms in (10, 30):
        plain, has_target = configuration_of("none", frame_ms), frame_ms == 10 and device == "cpu"
        share, ratio = (workload.target_share, workload.target_ratio) if has_target else (None, None)
        listed[f"share: {case_label(full, plain, device)}"] = partial(
            training.peak_share, full, plain, rounds, share, device
        )
        listed[f"reference: {case_label(sample, plain, device)}"] = partial(
            training.vs_reference, sample, plain, rounds, ratio, device
        )
        for settings in _ATTENTIONS:
            attentive = configuration_of(frame_ms=frame_ms, **settings)
            listed[f"reference: {case_label(sample, attentive, device)}"] = partial(
                training.vs_reference, sample, attentive, 1, None, device
            )
        case = case_label(sample, plain, device)
        listed[f"attentions: {case}"] = partial(training.vs_none, sample, frame_ms, rounds, device)
        if runs_bf16(torch.device(device)):
            listed[f"bf16: {case}"] = partial(training.bf16_vs_fp32, sample, frame_ms, rounds, device)
    return listed


def sections(emodb: Path | None, folder: Path, rounds: int) -> dict[str, Section]:
    """List all measurements by name, in order, less those that need EmoDB or a GPU where it is missing."""
    shape, gpu = Source(folder), "cuda:0" if torch.cuda.is_available() else None
    workloads = [Workload(shape, Source(folder, share=_SHARE), 6.0, 60.0)]
    if emodb is not None:
        real = Source(folder, emodb)
        workloads.insert(0, Workload(real, real, 4.0))
    listed: dict[str, Section] = {}
    for device in ("cpu", gpu):
        for workload in workloads if device else ():
            listed |= training_sections(workload, rounds, str(device))
    if gpu is not None:
        listed["trial on a GPU"] = partial(workers.trial_vs_reference, shape, 30, gpu, workers=8)
    listed["memory"] = partial(workers.memory, shape, epochs=3)
    # A few seconds each, and steady only over several rounds.
    listed["starts"] = partial(workers.starts, max(rounds, _MIN_ROUNDS))
    if emodb is not None:
        listed["features"] = partial(features.vs_librosa, emodb, folder, max(rounds, _MIN_ROUNDS))
        listed["two workers"] = partial(workers.two_vs_one, real, epochs=4, rounds=rounds)
        listed["study"] = partial(overhead.overhead_of_study, emodb, folder / "home", epochs=12)
    return listed


def skipped_reasons(emodb: Path | None) -> list[str]:
    """Explain which measurements are skipped on this machine or in this call."""
    reasons = {
        "This processor does not train in bf16: measurements in bf16 are skipped.": not runs_bf16(torch.device("cpu")),
        "There is no GPU: measurements on it are skipped.": not torch.cuda.is_available(),
        "--emodb FOLDER is not set: measurements on EmoDB are skipped.": emodb is None,
    }
    return [text for text, applies in reasons.items() if applies]


def main(
    emodb: Annotated[
        Path | None, typer.Option(help="Folder of EmoDB; without it measurements on EmoDB are skipped.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each side of a ratio.")] = 3,
    only: Annotated[
        list[str] | None, typer.Option(help="Run only measurements whose name contains this text; may be repeated.")
    ] = None,
    results: Annotated[Path, typer.Option(help="Folder of the JSON file and the figure.")] = RESULTS,
) -> None:
    """Measure speed and memory, as ratios within one run.

    Example: python -m benchmarks --emodb corpora/emodb --rounds 3
    """
    console, measurements = Console(), list[Measurement]()
    started = datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="ser-bench-") as folder:
        listed = sections(emodb, Path(folder), rounds)
        selected = _select(listed, only or [""])
        for number, (name, section) in enumerate(selected.items(), start=1):
            with console.status(f"{number} of {len(selected)}: {name}"):
                section_measurements = section()
            for measurement in section_measurements:
                console.print(f"{measurement.section}: {measurement.case}: {measurement.value:.3g} {measurement.unit}")
            measurements += section_measurements
    console.print(table(measurements))
    for reason in skipped_reasons(emodb):
        console.print(reason)
    results.mkdir(parents=True, exist_ok=True)
    content = {
        "started": started.isoformat(timespec="seconds"),
        "processor": cpu_name(),
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "card": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "rounds": rounds,
        "left_out": skipped_reasons(emodb),
        "not_asked_for": [name for name in listed if name not in selected],
        "rows": [measurement.as_json() for measurement in measurements],
    }
    (results / "bench.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    draw(measurements, results / "bench.svg")
    console.print(f"written: {results}/bench.json and bench.svg")


def _select(listed: dict[str, Section], texts: Sequence[str]) -> dict[str, Section]:
    """Select the measurements whose name contains one of some texts.

    Raises:
        BadParameter: A text is in no name: nothing would be measured, and earlier results be replaced.
    """
    for text in texts:
        if not any(text in name for name in listed):
            raise typer.BadParameter(f"{text!r} is in no name; names: {'; '.join(listed)}", param_hint="'--only'")
    return {name: section for name, section in listed.items() if any(text in name for text in texts)}


def table(measurements: list[Measurement]) -> Table:
    """Tabulate all measurements, with their targets and verdicts."""
    rows = Table(
        "quantity", "case", "value", "target", "", "computed from", title="Measured in one run", title_justify="left"
    )
    for measurement in measurements:
        bound = "at most" if measurement.upper_bound else "at least"
        target = "" if measurement.target is None else f"{bound} {measurement.target:g}"
        verdict = {None: "", True: "passed", False: "missed"}[measurement.passed]
        value = f"{measurement.value:.3g} {measurement.unit}"
        rows.add_row(measurement.section, measurement.case, value, target, verdict, measurement.details)
    return rows
