"""Store of evaluations: scores of models on corpora, one file each."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from ser.config import digest_of
from ser.frozen_model import FrozenModel
from ser.inference.description import Interval, Situation, TrainingSource
from ser.results import CorpusIdentity
from tracking.results.records import read_record, write_record

_KIND = "evaluation"

VERSION = 2
"""Raised whenever the same model may get other scores on the same corpus. Version 2 recognises recordings of the
training under other names of the corpus and its speakers."""


class Evaluation(FrozenModel):
    """Scores of a model on a corpus.

    Attributes:
        version: `VERSION` of the program that made it.
        model: Name of the model.
        variant: Name of its variant.
        study: Study that trained it.
        weights_sha256: Digest of its weights.
        trained_on: Speakers that its networks were trained on.
        training_corpus: Corpus that it was trained on.
        test_corpus: Corpus that it was evaluated on.
        networks: `all`, or `unheard` where each speaker was decided by the networks that were not trained on it.
        heard_speakers: Speakers that were left out, since all networks were trained or validated on them.
        recordings_compared: Whether recordings of the training would have been recognised under other names; models of
            formats 1 and 2 do not say which they were.
        situation: Statistics that normalise recordings of a speaker who has several.
        situations: Utterances by the statistics that normalised them: those of the training speakers where a speaker
            has one readable utterance; empty in evaluations of earlier versions.
        mapping: Class of the model of each class of the corpus that has one.
        classes: Classes of the model that were told apart, in its order.
        left_out: Utterances of the corpus that were left out, by the name of their class.
        unused_classes: Classes of the model that no class of the corpus stands for; it did not decide for them.
        unreadable: Utterances that the front end has no frames of, each with the reason.
        utterances: Number of utterances.
        speakers: Number of speakers.
        ua: UA, 0..1.
        wa: WA, 0..1.
        ua_interval: 95% interval over speakers of the UA; None with one speaker.
        wa_interval: The same of the WA.
        recalls: Recall of each of `classes`, 0..1; None for one without utterances.
        confusion: Utterances by true and decided class, rows true.
    """

    version: int = 1
    model: str
    variant: str
    study: str
    weights_sha256: str
    trained_on: TrainingSource
    training_corpus: CorpusIdentity
    test_corpus: CorpusIdentity
    networks: Literal["all", "unheard"]
    heard_speakers: tuple[str, ...] = ()
    recordings_compared: bool = False
    situation: Situation
    situations: dict[Situation, int] = Field(default_factory=dict)
    mapping: dict[str, str]
    classes: tuple[str, ...]
    left_out: dict[str, int] = Field(default_factory=dict)
    unused_classes: tuple[str, ...] = ()
    unreadable: dict[str, str] = Field(default_factory=dict)
    utterances: int
    speakers: int
    ua: float
    wa: float
    ua_interval: Interval | None
    wa_interval: Interval | None
    recalls: tuple[float | None, ...]
    confusion: tuple[tuple[int, ...], ...]

    @property
    def identity(self) -> str:
        """Digest of all that decides the scores: 32 hex digits."""
        # The first version is left out: evaluations from before there were others keep their identity.
        if self.version == 1:
            return self.subject
        return digest_of(self._subject | {"version": self.version, "recordings_compared": self.recordings_compared})

    @property
    def subject(self) -> str:
        """Digest of what is evaluated, by whatever version: 32 hex digits."""
        return digest_of(self._subject)

    @property
    def checked_by(self) -> Literal["recordings", "speakers", ""]:
        """How speakers of the training were looked for: by their recordings, by their names alone, or not at all."""
        if self.recordings_compared:
            return "recordings"
        # Networks that have not heard a speaker were chosen by the speaker's name at least.
        return "speakers" if self.networks == "unheard" else ""

    @property
    def _subject(self) -> dict[str, Any]:
        return {
            "weights": self.weights_sha256,
            "corpus": self.test_corpus.digest,
            "mapping": self.mapping,
            "situation": self.situation,
        }


class EvaluationStore:
    """Evaluations in a folder, each with the digest of its content.

    Args:
        folder: The folder; it is created with its first evaluation.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, evaluation: Evaluation) -> Path:
        """Save an evaluation, durably; the same one is replaced by itself."""
        path = self._folder / f"{evaluation.identity}.json"
        write_record(path, _KIND, evaluation)
        return path

    def read_all(self) -> list[Evaluation]:
        """Read all evaluations, by training corpus, model and test corpus.

        Of several of the same model and corpus it is that of the latest version, and the one that compared recordings.

        Raises:
            SerError: A file is damaged; the text names it.
        """
        evaluations = [read_record(path, _KIND, Evaluation) for path in self._folder.glob("*.json")]
        evaluations.sort(key=lambda entry: (entry.version, entry.recordings_compared))
        latest = {entry.subject: entry for entry in evaluations}
        return sorted(
            latest.values(),
            key=lambda entry: (entry.training_corpus.name, entry.model, entry.trained_on, entry.identity),
        )
