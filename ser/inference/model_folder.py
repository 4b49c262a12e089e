"""Folder of a model: `model.json`, `model.safetensors`, `README.md` for readers, and perhaps its encoder.

Nothing in it is ever executed.
"""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ser.errors import ModelError
from ser.features.normalization import AffineNormalization
from ser.files import durable_folder, parse_json_object
from ser.inference.description import FORMAT, ModelDescription

DESCRIPTION, WEIGHTS, CARD = "model.json", "model.safetensors", "README.md"

ENCODER = "encoder"
"""Folder of the copy of a pretrained encoder."""

Weights = Mapping[str, Tensor]
"""Weights of one network by name."""


def pack_weights(members: Sequence[tuple[Weights, AffineNormalization]]) -> bytes:
    """Write the weights of all networks, each with the normalisation by its training speakers, as safetensors."""
    tensors: dict[str, Tensor] = {}
    for number, (weights, normalisation) in enumerate(members):
        prefix = _prefix(number)
        tensors |= {prefix + name: weight for name, weight in weights.items()}
        tensors[f"{prefix}normalisation.shift"] = torch.from_numpy(normalisation.shift)
        tensors[f"{prefix}normalisation.scale"] = torch.from_numpy(normalisation.scale)
    return save(tensors)


def check_is_new(folder: Path) -> None:
    """Refuse a folder that exists: none is ever overwritten.

    Raises:
        ModelError: It exists.
    """
    if folder.exists():
        raise ModelError(f"{folder}: exists already; give another folder by --output, or remove it first")


def write_folder(
    folder: Path, description: ModelDescription, weights: bytes, card: str, encoder: Sequence[Path] = ()
) -> None:
    """Write a new folder of a model; it appears whole or not at all.

    Args:
        folder: The folder.
        description: Description of the model.
        weights: Its weights, as `pack_weights` packs them.
        card: Its card.
        encoder: Files of its encoder that are copied into the folder.

    Raises:
        ModelError: The folder exists, and is never overwritten, or cannot be written, or a file of the encoder cannot
            be read; nothing is left of the folder.
    """
    check_is_new(folder)
    try:
        with durable_folder(folder) as draft:
            if encoder:
                (draft / ENCODER).mkdir()
            for path in encoder:
                shutil.copyfile(path, draft / ENCODER / path.name)
            (draft / WEIGHTS).write_bytes(weights)
            (draft / CARD).write_text(card, encoding="utf-8")
            (draft / DESCRIPTION).write_text(description.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        # Where a copy ends halfway, its error names both files, and the disk of the new one is full.
        unread = [path for path in encoder if error.filename2 is None and str(error.filename) == str(path)]
        subject = f"{unread[0]}: cannot be read" if unread else f"{folder}: cannot be written"
        raise ModelError(f"{subject}: {error.strerror or error}") from error


def read_folder(folder: Path) -> tuple[ModelDescription, list[tuple[dict[str, Tensor], AffineNormalization]]]:
    """Read the folder of a model.

    Returns:
        Its description, and the weights and normalisation of each of its networks.

    Raises:
        ModelError: Something in it is missing, damaged, or of another version of this program; the text names it.
    """
    description = _read_description(folder / DESCRIPTION)
    path = folder / WEIGHTS
    try:
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if digest != description.weights_sha256:
            raise ModelError(f"{path}: its digest is {digest}, but {DESCRIPTION} says {description.weights_sha256}")
        tensors = load(content)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
    except SafetensorError as error:
        raise ModelError(f"{path}: expected weights in the safetensors format: {error}") from None
    clip = description.configuration.normalisation.startswith("minmax")
    return description, [_member(tensors, _prefix(number), clip, path) for number in range(len(description.members))]


def _member(tensors: Weights, prefix: str, clip: bool, path: Path) -> tuple[dict[str, Tensor], AffineNormalization]:
    weights = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    try:
        shift, scale = weights.pop("normalisation.shift").numpy(), weights.pop("normalisation.scale").numpy()
    except KeyError as error:
        raise ModelError(f"{path}: {prefix}{error.args[0]} is missing") from None
    if not (np.isfinite(shift).all() and np.isfinite(scale).all()):
        raise ModelError(f"{path}: {prefix}normalisation is not finite")
    return weights, AffineNormalization(shift, scale, clip)


def _read_description(path: Path) -> ModelDescription:
    try:
        content = parse_json_object(path.read_bytes())
        if content.get("format") not in range(1, FORMAT + 1):
            raise ModelError(f"{path}: format {content.get('format')}, but this program reads formats 1 to {FORMAT}")
        description = ModelDescription.model_validate(content)
    except OSError as error:
        raise ModelError(f"{path}: expected the folder of a model: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise ModelError(f"{path}: expected the description of a model: {reason}") from None
    except ValueError as error:
        raise ModelError(f"{path}: expected the description of a model, but {error}") from None
    if not description.members:
        raise ModelError(f"{path}: the model has no member")
    return description


def _prefix(number: int) -> str:
    return f"member-{number:03}."
