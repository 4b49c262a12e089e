"""Description of a model: all that is needed to use it besides its weights, stored as `model.json`."""

from typing import Literal

from pydantic import Field

from ser.config import FoldConfiguration, Normalisation
from ser.features.frontends.base import FrontEndChoice
from ser.frozen_model import FrozenModel
from ser.results import CorpusIdentity

FORMAT = 3
"""Raised whenever older programs cannot read the folder of a model any more; folders of earlier formats are read."""

Situation = Literal["speaker", "file", "stranger"]
"""What is known of a speaker: all of their recordings, the file alone, or nothing that is used."""

SITUATIONS: dict[Situation, str] = {
    "speaker": "all recordings of the speaker together",
    "file": "statistics of the recording alone",
    "stranger": "statistics of the training speakers",
}
"""Situations in words for readers, of a model that normalises by speaker."""

_WITHOUT_SPEAKERS: dict[Normalisation, str] = {
    "zscore_training": "statistics of the training speakers",
    "minmax_training": "range of the training speakers",
    "minmax_utterance": "range of the recording alone",
}
"""What a model of another normalisation normalises by, whatever is known of the speaker."""

TrainingSource = Literal["folds", "all"]
"""Speakers that the networks of a model were trained on: those of a study's folds, or all of the corpus."""

SAMPLES_DIGEST_LENGTH = 32
"""Hex digits by which a model names the samples of its utterances: 128 bits tell all of them apart."""

Interval = tuple[float, float]
"""95% confidence interval of a share, 0..1."""


class Member(FrozenModel):
    """Network of an ensemble: a trained fold, or one that was trained on all speakers.

    Attributes:
        identity: Identity of the fold.
        fold: Name of the fold.
        seed: Seed of its training.
        test_speakers: Speakers of the corpus that it was not trained on.
        epochs: Epochs of a training on all speakers; None for a fold.
    """

    identity: str
    fold: str
    seed: int
    test_speakers: tuple[str, ...]
    epochs: int | None = None


class ModelDescription(FrozenModel):
    """Description of a model.

    Attributes:
        format: Its `FORMAT`.
        name: Name of the model.
        study: Study that trained it.
        variant: Readable name of its variant.
        corpus: Corpus that it was trained on, with the emotions in the order of the classes.
        configuration: The configuration that its members share; the seed is that of the first one.
        front_end: Its front end; the location is where the weights were when the model was made.
        members: Its networks, at least one.
        expected_ua: UA of the study's folds on their own test speakers, 0..1, by what was known of the speaker.
        expected_wa: WA likewise.
        utterances: Utterances on which these were measured.
        weights_sha256: Digest of `model.safetensors`.
        versions: Versions of the programs that made it, by name.
        trained_on: Speakers that its networks were trained on.
        speakers: All speakers of its corpus; empty in format 1.
        samples_digests: The first `SAMPLES_DIGEST_LENGTH` digits of the digest of each utterance's samples, by speaker
            of its corpus; empty in formats 1 and 2.
        bundled: Whether the folder has a copy of the encoder.
        expected_ua_interval: 95% interval over speakers of each of `expected_ua`; none with one speaker, and in format
            1.
        expected_wa_interval: The same of `expected_wa`.
        expected_recalls: Recall of each emotion where all recordings of a speaker are there, 0..1, None for one
            without test utterances; empty in format 1.
    """

    format: int
    name: str
    study: str
    variant: str
    corpus: CorpusIdentity
    configuration: FoldConfiguration
    front_end: FrontEndChoice
    members: tuple[Member, ...]
    expected_ua: dict[Situation, float]
    expected_wa: dict[Situation, float]
    utterances: int
    weights_sha256: str
    versions: dict[str, str]
    trained_on: TrainingSource = "folds"
    speakers: tuple[str, ...] = ()
    samples_digests: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    bundled: bool = False
    expected_ua_interval: dict[Situation, Interval] = Field(default_factory=dict)
    expected_wa_interval: dict[Situation, Interval] = Field(default_factory=dict)
    expected_recalls: tuple[float | None, ...] = ()

    def normalised_by(self, situation: Situation) -> str:
        """Say what the model normalises recordings by in a situation."""
        return _WITHOUT_SPEAKERS.get(self.configuration.normalisation, SITUATIONS[situation])
