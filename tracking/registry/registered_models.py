"""Versions of models in MLflow's Model Registry: written once, and read without running any code of theirs."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow.entities import LoggedModel
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from ser.config import digest_of
from ser.errors import ModelError
from ser.inference.description import ModelDescription
from ser.inference.model_folder import CARD, DESCRIPTION
from tracking import schema
from tracking.backend.artifacts import local_path
from tracking.backend.errors import translating_errors
from tracking.backend.mlflow_internals import artifact_repository
from tracking.backend.queries import has_tags, search_runs
from tracking.registry.packaging import save_for_mlflow

_URI = re.compile(r"models:/(?P<name>[^/@]+)(@(?P<alias>[^/@]+)|/(?P<version>\d+))")
_FIRST_TAGGED_FORMAT = 3
_ARTIFACTS = "artifacts"
"""Folder of a pyfunc's artifacts, by MLflow's format."""


def registered_name(description: ModelDescription) -> str:
    """Return the name of a model in the registry: letters, digits, '_' and '-', of the ASCII characters alone.

    Where others were replaced a digest follows, so that names which differ in them alone stay apart.
    """
    name = _former_name(description)
    return name if description.name.isascii() else f"{name}-{digest_of(description.name)[:8]}".strip("-")


def _former_name(description: ModelDescription) -> str:
    """Return the name without the digest, under which earlier versions of this program registered all models."""
    return re.sub(r"[^\w-]+", "-", description.name, flags=re.ASCII).strip("-")


def _name_in_registry(client: MlflowClient, description: ModelDescription) -> str:
    """Return the name of a model; the former one where all versions under it are of the same corpus and variant."""
    name, former = registered_name(description), _former_name(description)
    if former in ("", name) or client.search_model_versions(f"name='{name}'"):
        return name
    versions = client.search_model_versions(f"name='{former}'")
    tags = {schema.CORPUS: description.corpus.name, schema.VARIANT: description.variant}
    return former if versions and all(tags.items() <= version.tags.items() for version in versions) else name


def register_model(client: MlflowClient, experiment: str, folder: Path, description: ModelDescription) -> ModelVersion:
    """Register a model as a version, unless the same model has one; the newest version has the alias `champion`."""
    name, tags = _name_in_registry(client, description), _tags(description)
    version = _find_version(client, name, tags)
    if version is not None:
        newest = max(int(known.version) for known in client.search_model_versions(f"name='{name}'"))
        if int(version.version) < newest:
            return version
    else:
        description_text = _card_text(folder)
        logged = _log_model(client, experiment, folder, description, tags)
        try:
            client.create_registered_model(name)
        except MlflowException:
            # It exists, unless this fails, too.
            client.get_registered_model(name)
        version = client.create_model_version(
            name,
            # Not models:/ID, nor in a database an ID without a run: MLflow 3.17 would look for it in another store, the
            # one of the environment. A server looks in its own, and asks for the ID.
            logged.artifact_location,
            run_id=logged.source_run_id,
            tags=tags,
            description=description_text,
            model_id=logged.model_id if logged.source_run_id or client.tracking_uri.startswith("http") else None,
        )
    client.set_registered_model_alias(name, schema.CHAMPION, version.version)
    return version


def _card_text(folder: Path) -> str:
    """Read a model's card without its header; users may have edited or removed it."""
    card = folder / CARD
    text = card.read_text(encoding="utf-8", errors="replace") if card.is_file() else ""
    # MLflow's pages would show the backslash.
    text = text.replace("\\@", "@")
    parts = text.split("---\n", 2)
    return (parts[2] if text.startswith("---\n") and len(parts) == 3 else text).strip()


@contextmanager
def registered_folder(client: MlflowClient, uri: str) -> Iterator[Path]:
    """Provide the folder of a registered model while the block runs; no code that is stored with it runs.

    Args:
        client: The tracking store.
        uri: `models:/NAME@ALIAS` or `models:/NAME/VERSION`.

    Yields:
        The folder; of a remote store a temporary copy.

    Raises:
        ModelError: There is no such version, or it is no model of this program.
        StorageError: The registry cannot be used.
    """
    match = _URI.fullmatch(uri)
    if match is None:
        raise ModelError(f"{uri}: expected models:/NAME@ALIAS or models:/NAME/VERSION")
    with TemporaryDirectory(prefix="ser-") as copy:
        try:
            with translating_errors("MLflow"):
                artifacts = _provide_artifacts(client, match, Path(copy))
        except MlflowException as error:
            raise ModelError(f"{uri}: {str(error).partition(chr(10))[0]}; `ser ui` shows the models") from None
        folders = [path.parent for path in sorted(artifacts.glob(f"*/{DESCRIPTION}"))]
        if len(folders) != 1:
            raise ModelError(f"{uri}: not a model that `ser model make` has made: {artifacts} has no {DESCRIPTION}")
        yield folders[0]


def _provide_artifacts(client: MlflowClient, match: re.Match[str], copy: Path) -> Path:
    """Return the folder of a version's artifacts, or a copy of that of a remote store."""
    name = match["name"]
    if match["alias"]:
        version = client.get_model_version_by_alias(name, match["alias"])
    else:
        version = client.get_model_version(name, match["version"])
    location = _location(client, version)
    folder = local_path(location)
    if folder is not None:
        return folder / _ARTIFACTS
    return Path(artifact_repository(client, location).download_artifacts(_ARTIFACTS, str(copy)))


def _location(client: MlflowClient, version: ModelVersion) -> str:
    if version.model_id:
        return str(client.get_logged_model(version.model_id).artifact_location)
    return str(client.get_model_version_download_uri(version.name, version.version))


def _tags(description: ModelDescription) -> dict[str, str]:
    """Tags of a version; all of them together name one model."""
    tags = {
        schema.STUDY: description.study,
        schema.VARIANT: description.variant,
        schema.CORPUS: description.corpus.name,
        schema.TRAINED_ON: description.trained_on,
        schema.BUNDLED: str(description.bundled).lower(),
        schema.WEIGHTS_DIGEST: description.weights_sha256,
    }
    # Made anew in a later format, a model of the same weights can do more, and is another version.
    return tags | ({schema.MODEL_FORMAT: str(description.format)} if description.format >= _FIRST_TAGGED_FORMAT else {})


def _find_version(client: MlflowClient, name: str, tags: dict[str, str]) -> ModelVersion | None:
    versions = client.search_model_versions(f"name='{name}'")
    return next((version for version in versions if tags.items() <= version.tags.items()), None)


def _log_model(
    client: MlflowClient, experiment: str, folder: Path, description: ModelDescription, tags: dict[str, str]
) -> LoggedModel:
    """Upload a model; one that an interruption left without a version is continued."""
    condition = has_tags({schema.WEIGHTS_DIGEST: tags[schema.WEIGHTS_DIGEST]})
    earlier = client.search_logged_models([experiment], condition)
    logged = next((model for model in earlier if tags.items() <= model.tags.items()), None)
    if logged is None:
        runs = search_runs(client, experiment, ser__kind="study", ser__study=description.study)
        run = runs[0].info.run_id if runs else None
        logged = client.create_logged_model(experiment, registered_name(description), run, tags)
    with TemporaryDirectory(prefix="ser-") as draft:
        save_for_mlflow(folder, description, logged, Path(draft) / "model")
        client.log_model_artifacts(logged.model_id, str(Path(draft) / "model"))
    return client.finalize_logged_model(logged.model_id, "READY")
