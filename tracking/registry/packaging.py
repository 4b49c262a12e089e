"""Model in MLflow's format: the model's folder, the code that loads it, signature, input example and requirements."""

import io
import logging
from importlib.metadata import version
from pathlib import Path

import mlflow
import mlflow.pyfunc
import numpy as np
import pandas as pd
import soundfile
from mlflow.entities import LoggedModel
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import Array, Object, Property

from ser.inference.description import ModelDescription
from tracking.registry import served_model

_CODE = Path(served_model.__file__)

_REQUIREMENTS = ("ser-studies", "torch", "numpy", "safetensors", "soundfile", "soxr", "pydantic", "mlflow")
_REQUIREMENTS_OF_FRONT_ENDS = {"pretrained": ("transformers",), "opensmile": ("opensmile",)}

_SIGNATURE = ModelSignature(
    inputs=Schema(
        [
            ColSpec(DataType.binary, served_model.AUDIO),
            ColSpec(DataType.string, served_model.SPEAKER, required=False),
        ]
    ),
    outputs=Schema(
        [
            ColSpec(DataType.string, "emotion", required=False),
            ColSpec(Array(Object([Property("label", DataType.string), Property("score", DataType.double)])), "scores"),
            ColSpec(DataType.double, "entropy", required=False),
            ColSpec(DataType.string, "error", required=False),
        ]
    ),
)


def save_for_mlflow(folder: Path, description: ModelDescription, logged: LoggedModel, target: Path) -> None:
    """Write a model in MLflow's format.

    Args:
        folder: Folder of the model.
        description: Its description.
        logged: MLflow's record of the model.
        target: Folder to write; it must not exist.
    """
    # It says that it validates the input example, and advises type hints that would change the form of a request.
    logging.getLogger("mlflow.pyfunc").setLevel(logging.ERROR)
    packages = (*_REQUIREMENTS, *_REQUIREMENTS_OF_FRONT_ENDS.get(description.configuration.features.kind, ()))
    mlflow.pyfunc.save_model(
        path=target,
        python_model=_CODE,
        artifacts={served_model.MODEL: str(folder)},
        signature=_SIGNATURE,
        input_example=pd.DataFrame({served_model.AUDIO: [_example()]}),
        pip_requirements=[f"{name}=={version(name)}" for name in packages],
        mlflow_model=Model(
            artifact_path=logged.artifact_location,
            model_uuid=logged.model_id,
            run_id=logged.source_run_id,
            model_id=logged.model_id,
        ),
    )


def _example() -> bytes:
    """Return half a second of a tone as a WAV file."""
    file = io.BytesIO()
    samples = 0.3 * np.sin(2 * np.pi * 150 * np.arange(8_000) / 16_000)
    soundfile.write(file, samples, 16_000, format="WAV", subtype="PCM_16")
    return file.getvalue()
