"""Body of `ser model register`."""

from pathlib import Path

from ser.errors import UnavailableError
from ser.inference.description import ModelDescription
from ser.inference.model_folder import read_folder
from studies.cli.arguments import open_home
from studies.cli.model.commands import RegisterOptions
from studies.cli.terminal.console import Console
from studies.cli.terminal.progress import StudyDisplay, print_message
from studies.models.opening import newest_model
from studies.storages.home import Home


def register_folder(options: RegisterOptions) -> None:
    """Register the model of a folder.

    Raises:
        ModelError: The folder holds no model.
        UnavailableError: MLflow cannot be used now.
    """
    home = open_home(options)
    folder = options.folder or newest_model(home)
    description, _ = read_folder(folder)
    if not register_and_print(home, folder, description):
        raise UnavailableError(f"{folder}: the model is not registered; run the same command again later")


def register_and_print(home: Home, folder: Path, description: ModelDescription) -> bool:
    """Register a model and print its name in the registry, or a line that says why it is not registered."""
    # It imports MLflow, which takes seconds.
    from studies.models.mlflow_records import register

    with StudyDisplay() as display:
        bar = display.progress_bar("registering the model in MLflow")
        uri = register(home, folder, description, print_message)
        bar(1, 1)
    if uri is not None:
        Console().print(f"registered: {uri}", soft_wrap=True, highlight=False, markup=False)
    return uri is not None
