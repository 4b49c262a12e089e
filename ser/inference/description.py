"""Description of a model: all that is needed to use it besides its weights, stored as `model.json`."""

from typing import Literal

from ser.config import FoldConfiguration
from ser.features.frontends.base import FrontEndChoice
from ser.frozen_model import FrozenModel
from ser.results import CorpusIdentity

FORMAT = 1
"""Raised whenever older programs cannot read the folder of a model any more."""

Situation = Literal["speaker", "file", "stranger"]
"""What is known of a speaker: all of their recordings, the file alone, or nothing that is used."""


class Member(FrozenModel):
    """Network of an ensemble: a trained fold.

    Attributes:
        identity: Identity of the fold.
        fold: Name of the fold.
        seed: Seed of its training.
        test_speakers: Speakers of the corpus that it was not trained on.
    """

    identity: str
    fold: str
    seed: int
    test_speakers: tuple[str, ...]


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
        expected_ua: UA of the members on their own test speakers, 0..1, by what was known of the speaker.
        expected_wa: WA likewise.
        utterances: Utterances on which these were measured.
        weights_sha256: Digest of `model.safetensors`.
        versions: Versions of the programs that made it, by name.
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
