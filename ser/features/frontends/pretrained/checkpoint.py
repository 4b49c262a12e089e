"""Checkpoints of speech encoders in folders: found, checked and named by their content, before anything is computed.

A checkpoint is a folder as `transformers` writes it: `config.json`, `preprocessor_config.json` and safetensors. Nothing
in it is executed: pickles are refused, and so is code.
"""

import re
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from ser.config import digest_of
from ser.errors import ConfigurationError, unknown_value_message
from ser.files import block_digests, parse_json_object

CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"

WAVEFORM_MODELS = ("wav2vec2", "hubert", "wavlm", "data2vec-audio", "unispeech-sat")
"""Model types that hear samples, by the names of `transformers`."""

WHISPER, WAV2VEC2_BERT = "whisper", "wav2vec2-bert"
"""Model types that hear spectra."""

MODEL_TYPES = (WHISPER, *WAVEFORM_MODELS, WAV2VEC2_BERT)
"""Model types that this front end reads."""

SAMPLE_RATE_HZ = 16_000

WHISPER_SHIFT_SAMPLES = 320
"""Samples from one frame of a Whisper encoder to the next: two shifts of its log-mels."""

WAV2VEC2_BERT_SHIFT_SAMPLES = 320
"""Samples from one frame of a wav2vec2-BERT encoder to the next: two shifts of its filter banks."""

# Say where a checkpoint came from, or how it is stored; frames do not depend on them.
_WITHOUT_EFFECT = ("_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version")


@dataclass(frozen=True)
class Checkpoint:
    """Checkpoint of a speech encoder.

    Attributes:
        folder: Its folder.
        name: Name for readers: the last part of the folder's path or of the repository's id.
        config: Content of `config.json`.
        preprocessor: Content of `preprocessor_config.json`.
    """

    folder: Path
    name: str
    config: dict[str, Any]
    preprocessor: dict[str, Any]

    @property
    def model_type(self) -> str:
        """Model type, one of `MODEL_TYPES`."""
        return str(self.config["model_type"])

    @property
    def layers(self) -> int:
        """Number of the encoder's layers."""
        return int(self.config["encoder_layers" if self.model_type == WHISPER else "num_hidden_layers"])

    @property
    def hidden_size(self) -> int:
        """Numbers in a frame."""
        return int(self.config["d_model" if self.model_type == WHISPER else "hidden_size"])

    @property
    def shift_samples(self) -> int:
        """Samples from one frame to the next."""
        if self.model_type == WHISPER:
            return WHISPER_SHIFT_SAMPLES
        if self.model_type == WAV2VEC2_BERT:
            return WAV2VEC2_BERT_SHIFT_SAMPLES
        return prod(stride for _, stride in self.convolutions)

    @property
    def convolutions(self) -> list[tuple[int, int]]:
        """Kernel and stride of each convolution, of an encoder that hears samples."""
        pairs = zip(self.config["conv_kernel"], self.config["conv_stride"], strict=True)
        return [(int(kernel), int(stride)) for kernel, stride in pairs]

    def digest(self) -> str:
        """Compute the digest of the content: weights, configuration and preprocessing; 32 hex digits."""
        config = {name: value for name, value in self.config.items() if name not in _WITHOUT_EFFECT}
        weights = [digest_of(block_digests(path)) for path in weight_files(self.folder)]
        return digest_of({"config": config, "preprocessor": self.preprocessor, "weights": weights})


def read_checkpoint(location: str, download: bool = False) -> Checkpoint:
    """Find a checkpoint and check all that can be checked without computing anything.

    Args:
        location: A folder, or the id of a repository in the user's cache of the Hugging Face hub, such as
            'openai/whisper-tiny.en'.
        download: Whether a repository that is not in the cache may be downloaded.

    Raises:
        ConfigurationError: There is no usable checkpoint of a speech encoder; the text names it and says why.
    """
    folder = _find_folder(location, download)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", location.rstrip("/").rpartition("/")[2] or folder.resolve().name)
    config = _read_json(folder / CONFIG, "a checkpoint of a speech encoder, as transformers writes it")
    model_type = config.get("model_type")
    if model_type not in MODEL_TYPES:
        raise ConfigurationError(
            f"{folder}: expected a speech encoder, not a model of another kind: "
            f"{unknown_value_message('model_type', model_type, MODEL_TYPES)}"
        )
    preprocessor = _read_json(folder / PREPROCESSOR, "the preprocessing of audio that the encoder expects")
    for name_of_file, content in ((CONFIG, config), (PREPROCESSOR, preprocessor)):
        if "auto_map" in content:
            raise ConfigurationError(
                f"{folder / name_of_file}: brings code of its own (auto_map), which is never executed"
            )
    rate_hz = preprocessor.get("sampling_rate", SAMPLE_RATE_HZ)
    if rate_hz != SAMPLE_RATE_HZ:
        raise ConfigurationError(
            f"{folder / PREPROCESSOR}: expected sampling_rate {SAMPLE_RATE_HZ}, found {rate_hz}: the encoder hears "
            "another sample rate than corpora are read at"
        )
    _check_weights(folder)
    checkpoint = Checkpoint(folder, name, config, preprocessor)
    try:
        _ = checkpoint.layers, checkpoint.hidden_size, checkpoint.shift_samples
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{folder / CONFIG}: no valid configuration of a {model_type}: {error}") from None
    return checkpoint


def weight_files(folder: Path) -> list[Path]:
    """List the safetensors of a checkpoint, sorted by name; one file, or the parts of a large one."""
    return sorted(folder.glob("model*.safetensors"))


def file_states(folder: Path) -> dict[Path, tuple[int, int, int] | None]:
    """Return inode, size in bytes and time of change in nanoseconds of each file that an encoder is made from.

    Weights are mapped, not read: as long as an encoder computes, it follows their files. A missing file has None.
    """
    states = dict[Path, tuple[int, int, int] | None]()
    for path in (folder / CONFIG, folder / PREPROCESSOR, *weight_files(folder)):
        try:
            state = path.stat()
        except FileNotFoundError:
            states[path] = None
        else:
            states[path] = state.st_ino, state.st_size, state.st_mtime_ns
    return states


def checkpoint_files(checkpoint: Checkpoint) -> list[Path]:
    """List all files of a checkpoint that this front end reads, and those that state its licence."""
    folder = checkpoint.folder
    licences = sorted(path for path in folder.glob("LICENSE*") if path.is_file())
    index = [path for path in (folder / "model.safetensors.index.json",) if path.is_file()]
    return [folder / CONFIG, folder / PREPROCESSOR, *weight_files(folder), *index, *licences]


def _find_folder(location: str, download: bool) -> Path:
    folder = Path(location).expanduser()
    if folder.is_dir():
        return folder
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", location):
        raise ConfigurationError(f"pretrained:{location}: no such folder")
    require_transformers()
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    patterns = [CONFIG, PREPROCESSOR, "model*.safetensors", "model.safetensors.index.json"]
    try:
        return Path(snapshot_download(location, local_files_only=not download, allow_patterns=patterns))
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
        if download:
            reason = str(error).strip().splitlines()[0]
            raise ConfigurationError(f"pretrained:{location}: cannot be downloaded: {reason}") from None
        raise ConfigurationError(
            f"pretrained:{location}: neither a folder nor a repository in the cache of the Hugging Face hub; "
            "--download gets it from the hub"
        ) from None


def require_transformers() -> None:
    """Refuse what needs the package `transformers` where it is not installed.

    Raises:
        ConfigurationError: It is not installed; the text says how to install it.
    """
    try:
        import transformers  # noqa: F401
    except ImportError:
        raise ConfigurationError(
            "features pretrained need the package transformers; install it with: pip install 'ser-studies[pretrained]'"
        ) from None


def _read_json(path: Path, expected: str) -> dict[str, Any]:
    try:
        return parse_json_object(path.read_bytes())
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: no such file; expected {expected}") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigurationError(f"{path}: expected {expected}, but {error}") from None


def _check_weights(folder: Path) -> None:
    """Refuse a checkpoint without safetensors, or whose safetensors are damaged or cut short."""
    files = weight_files(folder)
    if not files:
        pickles = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for path in folder.glob(pattern))
        if pickles:
            raise ConfigurationError(
                f"{folder / pickles[0]}: a pickle can run any code and is not read; convert a checkpoint that you "
                f"trust to safetensors: python -c \"from transformers import AutoModel as A; d='{folder}'; "
                'A.from_pretrained(d).save_pretrained(d)"'
            )
        raise ConfigurationError(f"{folder}: expected model.safetensors, found no weights")
    for path in files:
        try:
            with safe_open(path, framework="np") as file:
                file.keys()
        except (SafetensorError, OSError) as error:
            raise ConfigurationError(
                f"{path}: damaged or cut short: {str(error).splitlines()[0]}; copy or download it again"
            ) from None
