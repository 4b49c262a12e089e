"""Model that recognises emotions in recordings: an ensemble of trained folds with their front end."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser.errors import AudioError, ConfigurationError, ModelError, SerError, UtteranceError
from ser.feature_settings import PretrainedSettings
from ser.features.frontends import open_front_ends
from ser.features.frontends.base import FrontEnd
from ser.features.memory import is_lack_of_memory
from ser.features.normalization import AffineNormalization
from ser.inference.description import ModelDescription, Situation
from ser.inference.frames import FramesInMemory, Recording, compute_recordings
from ser.inference.model_folder import ENCODER, read_folder
from ser.inference.scoring import normalise, score_utterances
from ser.model.network import SpeechEmotionNetwork

_MAX_RECORDINGS, _MAX_SECONDS = 64, 600.0
"""Recordings of unknown speakers in memory at once, and their duration, unless it is that of a single one."""


@dataclass(frozen=True)
class Prediction:
    """Prediction of a model for a recording.

    Attributes:
        recording: The recording.
        emotion: The emotion with the highest probability, or None where the recording could not be read.
        probabilities: Probability of each emotion, 0..1, in the order of the model's emotions; they sum to 1.
        failure: Why there is no emotion, or None.
        situation: What was known of the speaker when the recording was normalised.
    """

    recording: Recording
    emotion: str | None
    probabilities: dict[str, float]
    failure: SerError | None = None
    situation: Situation = "stranger"

    @property
    def error(self) -> str | None:
        """Why there is no emotion, with the name of the recording, or None."""
        return None if self.failure is None else str(self.failure)

    @property
    def reason(self) -> str | None:
        """Why there is no emotion, without the name of the recording, or None."""
        return self.failure.reason if isinstance(self.failure, AudioError | UtteranceError) else self.error

    @property
    def entropy(self) -> float | None:
        """Entropy of the probabilities relative to that of a guess, 0 (certain) to 1; None where there are none."""
        return relative_entropy(self.probabilities) if self.probabilities else None


def relative_entropy(probabilities: Mapping[str, float]) -> float:
    """Compute the entropy of probabilities relative to that of a guess, 0 (certain) to 1.

    Examples:
        >>> relative_entropy({"anger": 0.5, "neutral": 0.5}), abs(relative_entropy({"anger": 1.0, "neutral": 0.0}))
        (1.0, 0.0)
    """
    shares = np.array([share for share in probabilities.values() if share > 0])
    return float(-(shares * np.log(shares)).sum() / np.log(len(probabilities)))


def best_first(probabilities: Mapping[str, float]) -> list[tuple[str, float]]:
    """Sort emotions by their probability, the most probable first."""
    return sorted(probabilities.items(), key=lambda entry: -entry[1])


def label_scores(probabilities: Mapping[str, float]) -> list[dict[str, Any]]:
    """Write probabilities as the pipelines of `transformers` do, the most probable first.

    Examples:
        >>> label_scores({"anger": 0.25, "neutral": 0.75})
        [{'label': 'neutral', 'score': 0.75}, {'label': 'anger', 'score': 0.25}]
    """
    return [{"label": label, "score": score} for label, score in best_first(probabilities)]


class EmotionModel:
    """Model that recognises emotions in recordings.

    Args:
        description: Its description.
        networks: Its networks, each with the normalisation by its training speakers.
        front_end: Its front end.
    """

    def __init__(
        self,
        description: ModelDescription,
        networks: Sequence[tuple[SpeechEmotionNetwork, AffineNormalization]],
        front_end: FrontEnd,
    ) -> None:
        self.description = description
        self.networks = tuple(networks)
        self.front_end = front_end

    @property
    def emotions(self) -> tuple[str, ...]:
        """Emotions that it tells apart."""
        return self.description.corpus.emotions

    @property
    def uses_speakers(self) -> bool:
        """Whether it normalises by the statistics of a speaker, so that it profits from knowing who speaks."""
        return self.description.configuration.normalisation == "zscore_speaker"

    def predict(self, recordings: Iterable[Recording | Path | str]) -> Iterator[Prediction]:
        """Recognise the emotions of recordings; one that cannot be read yields a prediction with an error.

        Args:
            recordings: Recordings or audio files. Those of one speaker should stand together: their frames are in
                memory at once where the model uses speakers.

        Yields:
            One prediction for each, in their order.
        """
        for group in self._groups(map(_as_recording, recordings)):
            yield from self._predict_group(group)

    def _groups(self, recordings: Iterable[Recording]) -> Iterator[list[Recording]]:
        """Divide recordings into groups that are normalised together: of one speaker, or any number of strangers."""
        for speaker, group in groupby(recordings, lambda recording: recording.speaker if self.uses_speakers else None):
            if speaker is not None:
                yield list(group)
            else:
                yield from self._blocks(group)

    def _blocks(self, recordings: Iterable[Recording]) -> Iterator[list[Recording]]:
        """Divide recordings into blocks that memory has room for."""
        block, seconds = list[Recording](), 0.0
        for recording in recordings:
            duration_s = recording.duration_s(self.front_end.sample_rate_hz)
            if block and (len(block) == _MAX_RECORDINGS or seconds + duration_s > _MAX_SECONDS):
                yield block
                block, seconds = [], 0.0
            block.append(recording)
            seconds += duration_s
        if block:
            yield block

    def _predict_group(self, recordings: Sequence[Recording]) -> list[Prediction]:
        frames = compute_recordings(self.front_end, recordings)
        readable = [array for array in frames if not isinstance(array, SerError)]
        # Statistics of one recording alone would hide its emotion: worse than those of the training speakers.
        knows_speaker = self.uses_speakers and recordings[0].speaker is not None and len(readable) > 1
        situation: Situation = "speaker" if knows_speaker else "stranger"
        try:
            scores = iter(self._score(FramesInMemory(tuple(readable)), situation) if readable else ())
        except (MemoryError, RuntimeError) as error:
            if not is_lack_of_memory(error):
                raise
            scores = iter(())
            frames = [
                array if isinstance(array, SerError) else _memory_error(recording, situation)
                for recording, array in zip(recordings, frames, strict=True)
            ]
        return [
            Prediction(recording, None, {}, array)
            if isinstance(array, SerError)
            else self._prediction(recording, next(scores), situation)
            for recording, array in zip(recordings, frames, strict=True)
        ]

    def _score(self, frames: FramesInMemory, situation: Situation) -> NDArray[np.float64]:
        """Mean of the members' scores, shape `(recording, class)`."""
        configuration = self.description.configuration
        speakers = [""] * len(frames.arrays)
        scores = [
            score_utterances(
                network, normalise(frames, speakers, configuration, training, situation), configuration
            ).astype(np.float64)
            for network, training in self.networks
        ]
        mean: NDArray[np.float64] = np.mean(scores, axis=0)
        shares: NDArray[np.float64] = mean / mean.sum(axis=1, keepdims=True)
        return shares

    def _prediction(self, recording: Recording, scores: NDArray[np.float64], situation: Situation) -> Prediction:
        probabilities = dict(zip(self.emotions, scores.tolist(), strict=True))
        return Prediction(recording, self.emotions[int(scores.argmax())], probabilities, situation=situation)


def _memory_error(recording: Recording, situation: Situation) -> UtteranceError:
    others = " with all others of its speaker" if situation == "speaker" else ""
    path = recording.audio if isinstance(recording.audio, Path) else Path(recording.name)
    return UtteranceError(
        path, recording.name, f"is too long{others} for the networks in the memory of this machine; divide it"
    )


def _as_recording(entry: Recording | Path | str) -> Recording:
    return entry if isinstance(entry, Recording) else Recording(str(entry), Path(entry))


def load_model(folder: Path | str, encoder: Path | str | None = None) -> EmotionModel:
    """Load a model that `ser model make` made.

    Args:
        folder: Its folder.
        encoder: Folder of its pretrained encoder, where that is not where it was.

    Returns:
        The model, on the CPU.

    Raises:
        ModelError: The folder holds no model, a damaged one, or one of another version.
        SerError: Its front end cannot be used here; the text says which it is.

    Examples:
        model = load_model("data/models/demo")
        for prediction in model.predict(["talk.wav"]):
            print(prediction.emotion, prediction.probabilities)
    """
    folder = Path(folder).expanduser()
    description, members = read_folder(folder)
    classes = len(description.corpus.emotions)
    networks = []
    for weights, normalisation in members:
        network = SpeechEmotionNetwork(description.configuration, classes)
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            raise ModelError(f"{folder}: its weights are not those of its configuration: {error}") from None
        networks.append((network, normalisation))
    return EmotionModel(description, networks, _open_front_end(folder, description, encoder))


def _open_front_end(folder: Path, description: ModelDescription, encoder: Path | str | None) -> FrontEnd:
    """Open and load a model's front end; an encoder is the one that is named, that of the folder, or where it was."""
    choice = description.front_end
    label = choice.settings.label
    if encoder is not None:
        if not isinstance(choice.settings, PretrainedSettings):
            raise ModelError(f"{folder}: its front end {label} is no pretrained encoder, so that none can be named")
        choice = choice.model_copy(update={"location": str(Path(encoder).expanduser().absolute())})
    elif description.bundled:
        choice = choice.model_copy(update={"location": str((folder / ENCODER).absolute())})
    try:
        (front_end,) = open_front_ends([choice])
        front_end.load()
    except ConfigurationError as error:
        remedy = ""
        if isinstance(choice.settings, PretrainedSettings):
            remedy = "; name a folder that holds this encoder by --encoder FOLDER, or make the model anew with --bundle"
        raise ModelError(f"{folder}: its front end {label} cannot be used here: {error}{remedy}") from None
    return front_end
