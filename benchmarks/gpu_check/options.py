"""Options and help of the check's command."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from studies.cli.lazy_command import lazy_command


@dataclass(frozen=True, kw_only=True)
class SizeOptions:
    """Options that replace amounts of work (`benchmarks.gpu_check.sizes.Sizes`)."""

    share: Annotated[float | None, typer.Option(help="Share of IEMOCAP's shape in epochs and folds, 0.02 to 1.")] = None
    cells: Annotated[int | None, typer.Option(help="LSTM cells in epochs and folds.")] = None
    epochs: Annotated[int | None, typer.Option(help="Epochs per fold.")] = None
    workers: Annotated[list[int] | None, typer.Option(help="Folds at once; may be repeated.")] = None
    batches: Annotated[list[int] | None, typer.Option(help="Batch of single layers; may be repeated.")] = None
    layer_cells: Annotated[list[int] | None, typer.Option(help="Cells of single layers; may be repeated.")] = None
    frames: Annotated[int | None, typer.Option(help="Frames of single layers.")] = None
    rounds: Annotated[int | None, typer.Option(help="Repetitions of short measurements.")] = None
    free_gib: Annotated[float | None, typer.Option(help="Memory left free on the GPU that is filled.")] = None


@dataclass(frozen=True, kw_only=True)
class CheckOptions(SizeOptions):
    """Options of the check."""

    device: Annotated[
        str | None, typer.Option(help="cpu or cuda [default: cuda where there are GPUs]; a CPU skips what needs a GPU.")
    ] = None
    home: Annotated[Path, typer.Option(help="Folder of the JSON file.", envvar="SER_HOME")] = Path("data")
    limit_s: Annotated[float, typer.Option(help="Time after which the sections that are left are skipped.")] = 340
    only: Annotated[list[str] | None, typer.Option(help="Run only this section; may be repeated.")] = None


@lazy_command("benchmarks.gpu_check.command:check")
def main(options: CheckOptions) -> None:
    """Check the path of a GPU: whether it is right, and how fast. Without options all work fits six minutes.

    It needs torch, numpy, pydantic, safetensors, rich and typer; neither MLflow nor Optuna.

    Example: python -m benchmarks.gpu_check --device cpu --only agreement
    """
