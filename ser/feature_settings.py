"""Settings of each front end: all that its frames depend on besides the audio, and how wide and how many they are.

A front end is named by its `kind`. Settings say by `name` where weights or files were found, for readers alone: two
front ends that differ in nothing else are one.
"""

from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag
from typing_extensions import override

from ser.frozen_model import FrozenModel

FrontEndKind = Literal["log_mel", "log_mel_prosody", "pretrained", "opensmile", "files"]

StoredType = Literal["float16", "float32"]
"""Type of the numbers of stored frames."""

_NOT_IDENTITY = frozenset({"name"})


class FrontEndSettings(FrozenModel):
    """Settings of a front end.

    Attributes:
        sample_rate_hz: Rate that audio is converted to, in hertz.
        kind: Front end that they are of.
        frame_shift_s: Distance between the starts of two frames, in seconds.
    """

    frames_version: ClassVar[int] = 1
    """Raised whenever the code changes the frames, so that no store of earlier ones is read."""

    sample_rate_hz: int = Field(16_000, gt=0)
    kind: FrontEndKind
    frame_shift_s: float = Field(gt=0)

    @property
    @abstractmethod
    def width(self) -> int:
        """Numbers in a frame."""

    @property
    def stored_type(self) -> StoredType:
        """Type of the numbers of stored frames."""
        return "float32"

    @property
    def label(self) -> str:
        """Name for readers, such as 'whisper-tiny.en@2'."""
        return self.kind

    @property
    def source(self) -> "FrontEndSettings":
        """Front end of one pass over the audio: the same for all layers of an encoder."""
        return self

    @property
    def source_label(self) -> str:
        """Name of `source` for readers, such as 'whisper-tiny.en'."""
        return self.label

    def digest_content(self) -> dict[str, Any]:
        """Return all settings that the frames depend on as plain data, as they enter digests."""
        return self.model_dump(mode="json", exclude=set(_NOT_IDENTITY))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FrontEndSettings) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[tuple[str, Any], ...]:
        return tuple((name, value) for name, value in self if name not in _NOT_IDENTITY)


class SpectralSettings(FrontEndSettings):
    """Settings of frames that are made from log-mels.

    Attributes:
        mel_bands: Number of mel bands.
        window_s: Length of an analysis window, in seconds.
        fft_size: Points of the Fourier transform; the window is padded to it with zeros.
        log_floor: Mel energies are raised to this before the logarithm.
    """

    frames_version: ClassVar[int] = 2

    mel_bands: int = Field(40, gt=0)
    window_s: float = Field(0.025, gt=0)
    frame_shift_s: float = Field(0.010, gt=0)
    fft_size: int = Field(512, gt=0)
    log_floor: float = Field(1e-10, gt=0)


class LogMelSettings(SpectralSettings):
    """Settings of log-mel frames (paper, section 3.2)."""

    kind: Literal["log_mel"] = "log_mel"

    @property
    @override
    def width(self) -> int:
        return self.mel_bands

    @override
    def digest_content(self) -> dict[str, Any]:
        # Without the kind, as before there were others: what was computed then keeps its name.
        return {name: value for name, value in super().digest_content().items() if name != "kind"}


class LogMelProsodySettings(SpectralSettings):
    """Settings of log-mels beside the change of the spectrum and prosody.

    Attributes:
        cepstra: Cepstral coefficients whose change is measured.
        f0_min_hz: Lowest fundamental frequency that is looked for, in hertz.
        f0_max_hz: Highest fundamental frequency that is looked for, in hertz.
    """

    kind: Literal["log_mel_prosody"] = "log_mel_prosody"
    cepstra: int = Field(20, gt=0)
    f0_min_hz: float = Field(60, gt=0)
    f0_max_hz: float = Field(500, gt=0)

    @property
    @override
    def width(self) -> int:
        return self.mel_bands + self.cepstra + 2 * len(PROSODY_TRACKS)


PROSODY_TRACKS = ("F0 in semitones", "voiced", "height of the autocorrelation peak", "log energy", "spectral centroid")
"""Prosodic tracks of `log_mel_prosody`, in the order of the numbers in a frame."""


class PretrainedSettings(FrontEndSettings):
    """Settings of the frames of one layer of a speech encoder.

    Attributes:
        name: Name of the folder or repository of the checkpoint; no part of the identity.
        checkpoint: Digest of the weights and of the settings that come with them.
        layer: 0 for the input of the first layer, N for the output of layer N.
        hidden_size: Numbers in a frame.
        whisper_padding: Whether Whisper hears an utterance alone (`none`) or filled up to 30 s with silence (`30s`);
            null for other encoders.
    """

    kind: Literal["pretrained"] = "pretrained"
    name: str
    checkpoint: str
    layer: int = Field(ge=0)
    hidden_size: int = Field(gt=0)
    whisper_padding: Literal["none", "30s"] | None = None

    @property
    @override
    def width(self) -> int:
        return self.hidden_size

    @property
    @override
    def stored_type(self) -> StoredType:
        return "float16"

    @property
    @override
    def label(self) -> str:
        return f"{self.name}@{self.layer}{self._padding_label}"

    @property
    @override
    def source(self) -> FrontEndSettings:
        return self.model_copy(update={"layer": 0})

    @property
    @override
    def source_label(self) -> str:
        return f"{self.name}{self._padding_label}"

    @property
    def _padding_label(self) -> str:
        return " 30s" if self.whisper_padding == "30s" else ""


class OpenSmileSettings(FrontEndSettings):
    """Settings of openSMILE's low-level descriptors.

    Attributes:
        feature_set: Name of the feature set.
    """

    kind: Literal["opensmile"] = "opensmile"
    frame_shift_s: float = Field(0.010, gt=0)
    feature_set: Literal["eGeMAPSv02", "ComParE_2016"] = "eGeMAPSv02"

    @property
    @override
    def width(self) -> int:
        return {"eGeMAPSv02": 25, "ComParE_2016": 65}[self.feature_set]

    @property
    @override
    def label(self) -> str:
        return self.feature_set


class FilesSettings(FrontEndSettings):
    """Settings of frames that another program made.

    Attributes:
        name: Name of their folder; no part of the identity.
        content: Digest of the files.
        numbers: Numbers in a frame.
        number_type: Type of the numbers in the files.
    """

    kind: Literal["files"] = "files"
    name: str
    content: str
    numbers: int = Field(gt=0)
    number_type: StoredType

    @property
    @override
    def width(self) -> int:
        return self.numbers

    @property
    @override
    def stored_type(self) -> StoredType:
        return self.number_type

    @property
    @override
    def label(self) -> str:
        return self.name


def _kind_of(settings: Any) -> Any:
    """Return the kind of settings, made or as plain data; plain data without a kind are of log-mels."""
    return settings.get("kind", "log_mel") if isinstance(settings, dict) else getattr(settings, "kind", None)


FeatureSettings = Annotated[
    Annotated[LogMelSettings, Tag("log_mel")]
    | Annotated[LogMelProsodySettings, Tag("log_mel_prosody")]
    | Annotated[PretrainedSettings, Tag("pretrained")]
    | Annotated[OpenSmileSettings, Tag("opensmile")]
    | Annotated[FilesSettings, Tag("files")],
    Discriminator(_kind_of),
]
"""Settings of any front end."""

SETTINGS_BY_KIND: dict[str, type[FrontEndSettings]] = {
    "log_mel": LogMelSettings,
    "log_mel_prosody": LogMelProsodySettings,
    "pretrained": PretrainedSettings,
    "opensmile": OpenSmileSettings,
    "files": FilesSettings,
}
"""Settings of each front end by its kind."""


def feature_setting_names() -> tuple[str, ...]:
    """List the settings of all front ends, each once."""
    return tuple(dict.fromkeys(name for settings in SETTINGS_BY_KIND.values() for name in settings.model_fields))
