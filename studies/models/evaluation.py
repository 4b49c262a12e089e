"""Evaluation of a model on a corpus: another one, or speakers of its own that its networks were not trained on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Literal

import numpy as np

from ser.corpora.audio import read_audio
from ser.corpora.corpus import Corpus, Utterance
from ser.errors import ConfigurationError, CorpusError, ModelError, unknown_value_message
from ser.inference.description import ModelDescription, Situation
from ser.inference.frames import Recording
from ser.inference.model import EmotionModel, Prediction
from studies.models.scores import Decisions, score_decisions
from tracking.results.evaluations import Evaluation

MIN_CLASSES = 2


def evaluate_model(
    model: EmotionModel, corpus: Corpus, names: Mapping[str, str], progress: Callable[[int, int], None]
) -> Evaluation:
    """Score a model on a corpus.

    Where the model normalises by speaker, each speaker's utterances are normalised together, as in a study. It decides
    among the classes that both have. Speakers of its own corpus are decided by the networks that have not heard them.

    Args:
        model: The model.
        corpus: The corpus.
        names: Class of the model for classes of the corpus that have another name there.
        progress: Called with the utterances done and their number.

    Returns:
        The scores.

    Raises:
        ConfigurationError: A name is no class, or fewer than two classes are left.
        ModelError: The model was trained on a speaker of the corpus.
        CorpusError: No utterance could be scored.
    """
    description = model.description
    mapping = map_classes(description.corpus.emotions, corpus.emotions, names)
    classes = tuple(emotion for emotion in description.corpus.emotions if emotion in mapping.values())
    # A speaker's statistics are those of all recordings, whatever their labels, as in a study.
    utterances = sorted(
        (entry for entry in corpus.utterances if model.uses_speakers or entry.emotion in mapping),
        key=lambda entry: entry.speaker,
    )
    known = _known_speakers(description, corpus)
    predictions = _predict(model, utterances, known, progress)
    answers = [
        (entry, answer) for entry, answer in zip(utterances, predictions, strict=True) if entry.emotion in mapping
    ]
    scored = [(entry, answer) for entry, answer in answers if answer.error is None]
    if not scored:
        raise CorpusError(f"{corpus.root}: no utterance of the classes {', '.join(classes)} could be scored")
    decisions = Decisions(
        actual=np.array([classes.index(mapping[entry.emotion]) for entry, _ in scored]),
        predicted=np.array([[_decide(answer, classes) for _, answer in scored]]),
        speakers=[entry.speaker for entry, _ in scored],
        classes=len(classes),
    )
    unreadable = {entry.id: answer.error for entry, answer in answers if answer.error is not None}
    return _evaluation(model, corpus, mapping, decisions, unreadable, "unheard" if known else "all")


def map_classes(of_model: Sequence[str], of_corpus: Sequence[str], names: Mapping[str, str]) -> dict[str, str]:
    """Find the model's class for each class of a corpus: the one that is named, or the one of the same name.

    Args:
        of_model: Classes of the model.
        of_corpus: Classes of the corpus.
        names: Class of the model by class of the corpus.

    Returns:
        Class of the model by class of the corpus, in the order of the corpus; classes without one are left out.

    Raises:
        ConfigurationError: A name is no class, or fewer than two classes are left.

    Examples:
        >>> map_classes(["anger", "happiness"], ["happy", "anger", "calm"], {"happy": "happiness"})
        {'happy': 'happiness', 'anger': 'anger'}
    """
    for name, target in names.items():
        if name not in of_corpus:
            raise ConfigurationError(f"--map {name}={target}: {unknown_value_message('class', name, of_corpus)}")
        if target not in of_model:
            raise ConfigurationError(f"--map {name}={target}: {unknown_value_message('class', target, of_model)}")
    mapping = {name: names.get(name, name) for name in of_corpus if names.get(name, name) in of_model}
    if len(set(mapping.values())) < MIN_CLASSES:
        raise ConfigurationError(
            f"the model has classes {', '.join(of_model)}, the corpus {', '.join(of_corpus)}; expected two in common: "
            "name those that have another name in the corpus by --map CORPUS=MODEL"
        )
    return mapping


def _predict(
    model: EmotionModel, utterances: Sequence[Utterance], known: frozenset[str], progress: Callable[[int, int], None]
) -> list[Prediction]:
    """Let networks that have not heard a speaker predict for each utterance; utterances are sorted by speaker."""
    description = model.description
    predictions: list[Prediction] = []
    for networks, of_networks in groupby(utterances, lambda entry: _networks_for(description, entry.speaker, known)):
        part = EmotionModel(description, [model.networks[number] for number in networks], model.front_end)
        for prediction in part.predict(_recordings(list(of_networks), model.front_end.sample_rate_hz)):
            predictions.append(prediction)
            progress(len(predictions), len(utterances))
    return predictions


def _evaluation(
    model: EmotionModel,
    corpus: Corpus,
    mapping: Mapping[str, str],
    decisions: Decisions,
    unreadable: Mapping[str, str],
    networks: Literal["all", "unheard"],
) -> Evaluation:
    description = model.description
    classes = tuple(emotion for emotion in description.corpus.emotions if emotion in mapping.values())
    scores = score_decisions(decisions)
    situation: Situation = "speaker" if model.uses_speakers else "stranger"
    return Evaluation(
        model=description.name,
        variant=description.variant,
        study=description.study,
        weights_sha256=description.weights_sha256,
        trained_on=description.trained_on,
        training_corpus=description.corpus,
        test_corpus=corpus.identity,
        networks=networks,
        situation=situation,
        mapping=mapping,
        classes=classes,
        left_out={
            emotion: sum(entry.emotion == emotion for entry in corpus.utterances)
            for emotion in corpus.emotions
            if emotion not in mapping
        },
        unused_classes=tuple(emotion for emotion in description.corpus.emotions if emotion not in classes),
        unreadable=unreadable,
        utterances=len(decisions.actual),
        speakers=len(set(decisions.speakers)),
        ua=scores.ua,
        wa=scores.wa,
        ua_interval=scores.ua_interval,
        wa_interval=scores.wa_interval,
        recalls=scores.recalls,
        confusion=tuple(tuple(row) for row in decisions.confusion.tolist()),
    )


def _known_speakers(description: ModelDescription, corpus: Corpus) -> frozenset[str]:
    """Speakers of a corpus that a model's networks may have been trained on.

    Speakers of the same name are the same people where the corpus is the model's own, or another selection of it under
    the same name.
    """
    if corpus.digest == description.corpus.digest:
        return frozenset(corpus.speakers)
    if corpus.name != description.corpus.name:
        return frozenset()
    # Format 1 named those alone that a fold tested on.
    tested = {speaker for member in description.members for speaker in member.test_speakers}
    return frozenset(description.speakers or tested) & frozenset(corpus.speakers)


def _networks_for(description: ModelDescription, speaker: str, known: frozenset[str]) -> tuple[int, ...]:
    """Positions of the networks that may decide for a speaker.

    Raises:
        ModelError: All were trained on the speaker.
    """
    members = description.members
    networks = tuple(
        number for number, member in enumerate(members) if speaker not in known or speaker in member.test_speakers
    )
    if not networks:
        remedy = "; evaluate it on another corpus, or make the model with --from folds"
        raise ModelError(
            f"{description.name}: all of its networks were trained on speaker {speaker} of corpus "
            f"{description.corpus.name}{remedy if description.trained_on == 'all' else ''}"
        )
    return networks


def _recordings(utterances: Sequence[Utterance], rate_hz: int) -> Iterator[Recording]:
    for utterance in utterances:
        if utterance.start_s is None and utterance.end_s is None:
            yield Recording(utterance.id, utterance.path, utterance.speaker)
        else:
            samples = read_audio(utterance.path, rate_hz, utterance.start_s, utterance.end_s)
            yield Recording(utterance.id, samples, utterance.speaker)


def _decide(prediction: Prediction, classes: Sequence[str]) -> int:
    """Decide among some of the model's classes."""
    return int(np.argmax([prediction.probabilities[emotion] for emotion in classes]))
