"""Body of `ser model export`."""

from ser.inference.onnx_export import export_onnx
from studies.cli.arguments import open_home
from studies.cli.model.commands import ExportOptions
from studies.cli.terminal.console import Console
from studies.cli.terminal.progress import StudyDisplay, print_message
from studies.models.opening import open_model


def export(options: ExportOptions) -> None:
    """Export a model as ONNX.

    Raises:
        SerError: There is no model, a package is missing, or the exported model decides otherwise.
    """
    model = open_model(open_home(options), options.model, options.encoder, print_message)
    with StudyDisplay() as display:
        begin, largest = export_onnx(model, options.onnx, display.progress_bar("comparing with the model"))
    configuration = model.description.configuration
    console = Console()
    console.print(
        f"input: {begin}; its probabilities differ from the model's by {largest:.1e} at most, on ten lengths",
        soft_wrap=True,
        highlight=False,
    )
    if configuration.precision == "bf16":
        console.print("computed in fp32, as it was compared; the model itself computes in bf16")
    console.print(f"model: {options.onnx.absolute()}", soft_wrap=True, highlight=False, markup=False)
