"""Evaluation of a model on a corpus: another one, or speakers of its own that its networks were not trained on."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Literal

import numpy as np

from ser.corpora.corpus import Corpus, Utterance
from ser.errors import ConfigurationError, CorpusError, unknown_value_message
from ser.inference.description import ModelDescription, Situation
from ser.inference.frames import Recording
from ser.inference.model import EmotionModel, Prediction
from studies.models.scores import Decisions, score_decisions
from studies.models.training_speakers import (
    TrainingSpeakers,
    find_training_speakers,
    heard_by_all_error,
    unheard_networks,
)
from tracking.results.evaluations import VERSION, Evaluation

_MIN_CLASSES = 2


def evaluate_model(
    model: EmotionModel, corpus: Corpus, names: Mapping[str, str], progress: Callable[[int, int], None]
) -> Evaluation:
    """Score a model on a corpus.

    Where the model normalises by speaker, each speaker's utterances are normalised together, as in a study. It decides
    among the classes that both have. Speakers that some of its networks have heard are decided by the others, and
    left out where all have.

    Args:
        model: The model.
        corpus: The corpus.
        names: Class of the model for classes of the corpus that have another name there.
        progress: Called with the utterances done and their number.

    Raises:
        ConfigurationError: A name is no class, or fewer than two classes are left.
        ModelError: The model was trained on all speakers of the corpus, or on a speaker of it and all of its own.
        CorpusError: No utterance could be scored.
    """
    description = model.description
    mapping = map_classes(description.corpus.emotions, corpus.emotions, names)
    classes = _shared_classes(description, mapping)
    heard = find_training_speakers(description, corpus)
    networks = _networks_by_speaker(description, corpus, heard)
    # A speaker's statistics are those of all recordings, whatever their labels, as in a study.
    utterances = sorted(
        (
            entry
            for entry in corpus.utterances
            if networks[entry.speaker] and (model.uses_speakers or entry.emotion in mapping)
        ),
        key=lambda entry: entry.speaker,
    )
    predictions = _predict(model, utterances, networks, progress)
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
    situations = dict(Counter(answer.situation for _, answer in scored))
    heard_speakers = tuple(speaker for speaker, numbers in networks.items() if not numbers)
    return _evaluation(
        model, corpus, mapping, decisions, unreadable, situations, "unheard" if heard else "all", heard_speakers
    )


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
    if len(set(mapping.values())) < _MIN_CLASSES:
        raise ConfigurationError(
            f"the model has classes {', '.join(of_model)}, the corpus {', '.join(of_corpus)}; expected two in common: "
            "name those that have another name in the corpus by --map CORPUS=MODEL"
        )
    return mapping


def _shared_classes(description: ModelDescription, mapping: Mapping[str, str]) -> tuple[str, ...]:
    """List the model's classes that stand for one of the corpus, in the order of the model."""
    return tuple(emotion for emotion in description.corpus.emotions if emotion in mapping.values())


def _networks_by_speaker(
    description: ModelDescription, corpus: Corpus, heard: Mapping[str, TrainingSpeakers]
) -> dict[str, tuple[int, ...]]:
    """Find the networks that may decide for each speaker of a corpus; none for one that all have heard.

    Raises:
        ModelError: They have heard all speakers; or a speaker, where they were trained on all of a corpus: of its other
            speakers the corpus may have recordings that are not recognised.
    """
    networks = {speaker: unheard_networks(description, speaker, heard) for speaker in corpus.speakers}
    left_out = [speaker for speaker, numbers in networks.items() if not numbers]
    if left_out and (description.trained_on == "all" or len(left_out) == len(networks)):
        raise heard_by_all_error(description, left_out[0], heard[left_out[0]])
    return networks


def _predict(
    model: EmotionModel,
    utterances: Sequence[Utterance],
    networks: Mapping[str, tuple[int, ...]],
    progress: Callable[[int, int], None],
) -> list[Prediction]:
    """Let the networks of each speaker predict for the speaker's utterances, which are sorted by speaker."""
    predictions: list[Prediction] = []
    for numbers, of_networks in groupby(utterances, lambda entry: networks[entry.speaker]):
        part = EmotionModel(model.description, [model.networks[number] for number in numbers], model.front_end)
        for prediction in part.predict(map(_recording, of_networks)):
            predictions.append(prediction)
            progress(len(predictions), len(utterances))
    return predictions


def _evaluation(
    model: EmotionModel,
    corpus: Corpus,
    mapping: Mapping[str, str],
    decisions: Decisions,
    unreadable: Mapping[str, str],
    situations: dict[Situation, int],
    networks: Literal["all", "unheard"],
    heard_speakers: tuple[str, ...],
) -> Evaluation:
    description = model.description
    classes = _shared_classes(description, mapping)
    scores = score_decisions(decisions)
    return Evaluation(
        version=VERSION,
        model=description.name,
        variant=description.variant,
        study=description.study,
        weights_sha256=description.weights_sha256,
        trained_on=description.trained_on,
        training_corpus=description.corpus,
        test_corpus=corpus.identity,
        networks=networks,
        heard_speakers=heard_speakers,
        recordings_compared=bool(description.samples_digests) or corpus.digest == description.corpus.digest,
        situation="speaker" if model.uses_speakers else "stranger",
        situations=situations,
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


def _recording(utterance: Utterance) -> Recording:
    return Recording(utterance.id, utterance.path, utterance.speaker, utterance.start_s, utterance.end_s)


def _decide(prediction: Prediction, classes: Sequence[str]) -> int:
    """Decide among some of the model's classes."""
    return int(np.argmax([prediction.probabilities[emotion] for emotion in classes]))
