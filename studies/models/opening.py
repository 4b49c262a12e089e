"""Models by what a user calls them: a folder, a name in MLflow's registry, or the newest one."""

from collections.abc import Callable
from pathlib import Path

from ser.errors import ModelError
from ser.inference import load_model
from ser.inference.model import EmotionModel
from ser.inference.model_folder import DESCRIPTION
from studies.storages.home import Home

_REGISTRY = "models:"


def open_model(home: Home, reference: str | None, encoder: Path | None, notify: Callable[[str], None]) -> EmotionModel:
    """Load a model.

    Args:
        home: The data directory.
        reference: Folder of the model, `models:/NAME@ALIAS`, `models:/NAME/VERSION`, or None for the newest one of
            the data directory.
        encoder: Folder of its pretrained encoder, where that has moved.
        notify: Called with a line where the data directory has moved.

    Raises:
        ModelError: There is no such model, or its folder is damaged.
        StorageError: MLflow's registry cannot be used.
    """
    if reference is not None and reference.startswith(_REGISTRY):
        return _open_registered(home, reference, encoder, notify)
    folder = newest_model(home) if reference is None else Path(reference).expanduser()
    return load_model(folder, encoder)


def newest_model(home: Home) -> Path:
    """Return the folder of the newest model.

    Raises:
        ModelError: There is none.
    """
    # Drafts, which an interruption may leave, are hidden.
    models = sorted(home.models.glob(f"[!.]*/{DESCRIPTION}"), key=lambda path: path.stat().st_mtime)
    if not models:
        raise ModelError(f"{home.models}: there is no model; make one with: ser model make")
    return models[-1].parent


def _open_registered(home: Home, uri: str, encoder: Path | None, notify: Callable[[str], None]) -> EmotionModel:
    # MLflow takes seconds to import.
    from studies.storages.artifact_locations import hold_artifact_locations
    from tracking.backend.client import connect
    from tracking.registry.registered_models import registered_folder

    store = home.tracking_uri_or_path
    if isinstance(store, Path) and not store.is_file():
        raise ModelError(
            f"{uri}: {home.root} has no MLflow database; name its home by --home, or a server by --tracking"
        )
    with hold_artifact_locations(home, notify), registered_folder(connect(store), uri) as folder:
        return load_model(folder, encoder)
