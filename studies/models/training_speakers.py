"""Speakers of a model's training, found again in a corpus by their names or by the samples of their utterances."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ser.corpora.corpus import Corpus
from ser.errors import ModelError
from ser.inference.description import SAMPLES_DIGEST_LENGTH, ModelDescription


@dataclass
class TrainingSpeakers:
    """Speakers of a model's corpus that one speaker of another corpus is, or shares recordings with.

    Attributes:
        names: Their names in the model's corpus.
        utterance: An utterance of the other corpus that has the samples of one of theirs; None without one.
    """

    names: set[str] = field(default_factory=set)
    utterance: str | None = None


def find_training_speakers(description: ModelDescription, corpus: Corpus) -> dict[str, TrainingSpeakers]:
    """Find the speakers of a model's corpus in another one.

    Speakers of the same name are the same people where the corpus is the model's own, or another selection of it under
    the same name. Under other names they are known by the samples of their utterances.

    Returns:
        Speakers of the model's corpus, by speaker of the corpus; strangers are left out.
    """
    found = {speaker: TrainingSpeakers() for speaker in corpus.speakers}
    for speaker in _speakers_of_the_same_name(description, corpus):
        found[speaker].names.add(speaker)
    owners: dict[str, set[str]] = {}
    for name, digests in description.samples_digests.items():
        for digest in digests:
            owners.setdefault(digest, set()).add(name)
    for utterance, digest in zip(corpus.utterances, corpus.samples_sha256, strict=True):
        if names := owners.get(digest[:SAMPLES_DIGEST_LENGTH]):
            found[utterance.speaker].names |= names
            found[utterance.speaker].utterance = utterance.id
    return {speaker: of_speaker for speaker, of_speaker in found.items() if of_speaker.names}


def unheard_networks(
    description: ModelDescription, speaker: str, heard: Mapping[str, TrainingSpeakers]
) -> tuple[int, ...]:
    """Positions of the networks that may decide for a speaker of a corpus.

    They are those that were neither trained on the speaker nor chosen by the speaker's validation.
    """
    names = heard[speaker].names if speaker in heard else set[str]()
    return tuple(number for number, member in enumerate(description.members) if names <= set(member.test_speakers))


def heard_by_all_error(description: ModelDescription, speaker: str, found: TrainingSpeakers) -> ModelError:
    """Build the error for a speaker for whom no network may decide."""
    use = "trained" if description.trained_on == "all" else "trained or validated"
    text = f"{description.name}: all of its networks were {use} on speaker {', '.join(sorted(found.names))} of "
    text += f"corpus {description.corpus.name}"
    if found.names != {speaker}:
        text += f", of whom utterance {found.utterance} of speaker {speaker} is a recording"
    remedy = ", or make the model with --from folds" if description.trained_on == "all" else ""
    return ModelError(f"{text}; evaluate it on another corpus{remedy}")


def _speakers_of_the_same_name(description: ModelDescription, corpus: Corpus) -> set[str]:
    speakers = set(corpus.speakers)
    if corpus.digest == description.corpus.digest:
        return speakers
    if corpus.name != description.corpus.name:
        return set()
    # Format 1 named those alone that a fold tested on.
    tested = {speaker for member in description.members for speaker in member.test_speakers}
    return speakers & (set(description.speakers) or tested)
