"""A model is scored on the classes that it shares with a corpus, and never on speakers that it was trained on."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from ser.corpora.corpus import Corpus
from ser.errors import ConfigurationError, ModelError, SerError
from ser.inference import EmotionModel, load_model
from ser.inference.description import Member
from ser.inference.frames import Recording
from ser.inference.model import Prediction
from studies.cli.terminal.cross_table import print_cross_table, print_evaluation
from studies.models.evaluation import evaluate_model, map_classes
from studies.models.scores import Decisions, score_decisions
from tests.support.toy_corpus import write_corpus
from tests.support.toy_models import write_model
from tests.support.toy_studies import MlflowFixture
from tracking import schema
from tracking.results.evaluations import Evaluation, EvaluationStore
from tracking.writing.evaluation_run import log_evaluation, run_params

FOLDS = tuple(
    Member(identity=speaker, fold=speaker, seed=1, test_speakers=(speaker,)) for speaker in ("f1", "f2", "m1", "m2")
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture
def model(tmp_path: Path) -> Callable[..., EmotionModel]:
    def made(**changes: Any) -> EmotionModel:
        write_model(tmp_path / "model", **changes)
        return load_model(tmp_path / "model")

    return made


def no_progress(done: int, total: int) -> None:
    assert 1 <= done <= total


def other(corpus: Corpus, **emotions: str) -> Corpus:
    """The corpus under another name and digest, with some emotions renamed; those of speaker f1 to 'calm'."""
    utterances = tuple(
        replace(entry, emotion="calm" if entry.speaker == "f1" else emotions.get(entry.emotion, entry.emotion))
        for entry in corpus.utterances
    )
    classes = tuple(emotions.get(emotion, emotion) for emotion in corpus.emotions)
    return replace(corpus, name="elsewhere", digest="2" * 32, utterances=utterances, emotions=(*classes, "calm"))


def test_classes_are_found_by_name_or_as_mapped() -> None:
    assert map_classes(["anger", "joy", "fear"], ["fear", "angry", "boredom"], {"angry": "anger"}) == {
        "fear": "fear",
        "angry": "anger",
    }
    assert map_classes(["a", "b"], ["a", "c", "d"], {"c": "b", "d": "b"}) == {"a": "a", "c": "b", "d": "b"}


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ({"hapy": "joy"}, "--map hapy=joy: unknown class 'hapy' \\(did you mean 'happy'"),
        ({"happy": "joi"}, "--map happy=joi: unknown class 'joi' \\(did you mean 'joy'"),
        ({}, "the model has classes anger, joy, the corpus anger, happy; expected two in common"),
    ],
)
def test_classes_that_cannot_be_mapped_are_named(names: dict[str, str], reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        map_classes(["anger", "joy"], ["anger", "happy"], names)


def test_classes_of_one_side_alone_are_left_out_by_name(corpus: Corpus, model: Callable[..., EmotionModel]) -> None:
    identity = corpus.identity.model_copy(update={"emotions": ("anger", "sadness", "fear"), "digest": "0"})
    made = model(corpus=identity, settings={"normalisation": "zscore_speaker"})
    elsewhere = other(corpus, sadness="sad")
    evaluation = evaluate_model(made, elsewhere, {"sad": "sadness"}, no_progress)
    assert evaluation.classes == ("anger", "sadness")
    assert evaluation.mapping == {"anger": "anger", "sad": "sadness"}
    assert evaluation.left_out == {"calm": 4}
    assert evaluation.unused_classes == ("fear",)
    assert (evaluation.utterances, evaluation.speakers, evaluation.networks) == (12, 3, "all")
    confusion = np.array(evaluation.confusion)
    assert confusion.sum() == 12
    recalls = confusion.diagonal() / confusion.sum(axis=1)
    assert evaluation.recalls == pytest.approx(tuple(recalls))
    assert evaluation.ua == pytest.approx(recalls.mean())
    entries = [entry for entry in elsewhere.utterances if entry.emotion != "calm"]
    predictions = list(made.predict([Recording(entry.id, entry.path, entry.speaker) for entry in entries]))
    decided = [int(answer.probabilities["sadness"] > answer.probabilities["anger"]) for answer in predictions]
    actual = np.array([int(entry.emotion == "sad") for entry in entries])
    decisions = Decisions(actual, np.array([decided]), [entry.speaker for entry in entries], 2)
    assert evaluation.ua_interval == pytest.approx(score_decisions(decisions).ua_interval)


def test_own_speakers_are_decided_by_networks_without_them(corpus: Corpus, model: Callable[..., EmotionModel]) -> None:
    made = model(corpus=corpus.identity, members=FOLDS)
    evaluation = evaluate_model(made, corpus, {}, no_progress)
    assert evaluation.networks == "unheard"
    confusion = np.zeros((2, 2), dtype=int)
    for entry in corpus.utterances:
        number = ("f1", "f2", "m1", "m2").index(entry.speaker)
        (prediction,) = EmotionModel(made.description, [made.networks[number]], made.front_end).predict([entry.path])
        confusion[corpus.emotions.index(entry.emotion), corpus.emotions.index(prediction.emotion or "")] += 1
    assert np.array(evaluation.confusion).tolist() == confusion.tolist()


def test_training_speakers_are_refused(corpus: Corpus, model: Callable[..., EmotionModel], tmp_path: Path) -> None:
    untested = (Member(identity="0", fold="f1", seed=1, test_speakers=("x",)),)
    made = model(corpus=corpus.identity, members=untested)
    reason = (
        "all of its networks were trained or validated on speaker f1 of corpus made-up; evaluate it on another corpus$"
    )
    with pytest.raises(ModelError, match=reason):
        evaluate_model(made, corpus, {}, no_progress)
    everyone = (Member(identity="0", fold="all", seed=1, test_speakers=(), epochs=3),)
    write_model(tmp_path / "all", corpus=corpus.identity, members=everyone, trained_on="all", speakers=corpus.speakers)
    # Another selection of the same corpus has another digest.
    for own in (corpus, replace(corpus, digest="3" * 32)):
        with pytest.raises(ModelError, match=r"trained on speaker f1 .*; evaluate it on another corpus"):
            evaluate_model(load_model(tmp_path / "all"), own, {}, no_progress)


@pytest.mark.parametrize("normalisation", ["zscore_training", "zscore_speaker"])
def test_speakers_on_whom_no_fold_tested_are_left_out(
    corpus: Corpus, model: Callable[..., EmotionModel], capsys: pytest.CaptureFixture[str], normalisation: str
) -> None:
    settings = {"normalisation": normalisation}
    given = (Member(identity="0", fold="given", seed=1, test_speakers=("f2", "m1")),)
    evaluation = evaluate_model(
        model(corpus=corpus.identity, members=given, settings=settings), corpus, {}, no_progress
    )
    assert (evaluation.networks, evaluation.heard_speakers) == ("unheard", ("f1", "m2"))
    assert (evaluation.speakers, evaluation.utterances) == (2, 8)
    assert evaluation.left_out == {}
    assert run_params(evaluation)["heard_speakers"] == "f1, m2"
    print_evaluation(evaluation)
    assert "left out: speakers that all networks heard in training or validation: f1, m2" in capsys.readouterr().out


def test_strangers_in_a_corpus_of_the_same_name_are_scored(corpus: Corpus, tmp_path: Path) -> None:
    everyone = (Member(identity="0", fold="all", seed=1, test_speakers=(), epochs=3),)
    write_model(tmp_path / "all", corpus=corpus.identity, members=everyone, trained_on="all", speakers=("x1", "x2"))
    evaluation = evaluate_model(load_model(tmp_path / "all"), replace(corpus, digest="3" * 32), {}, no_progress)
    assert (evaluation.networks, evaluation.speakers) == ("all", 4)


def renamed(corpus: Corpus) -> Corpus:
    """The same recordings under another name of the corpus, and of each speaker."""
    utterances = tuple(replace(entry, speaker=f"person {entry.speaker}") for entry in corpus.utterances)
    return replace(corpus, name="collection", digest="4" * 32, utterances=utterances)


def samples_digests(corpus: Corpus) -> dict[str, list[str]]:
    return {
        speaker: [
            digest[:32]
            for entry, digest in zip(corpus.utterances, corpus.samples_sha256, strict=True)
            if entry.speaker == speaker
        ]
        for speaker in corpus.speakers
    }


def test_recordings_under_other_names_are_recognised(corpus: Corpus, model: Callable[..., EmotionModel]) -> None:
    made = model(corpus=corpus.identity, members=FOLDS, samples_digests=samples_digests(corpus))
    evaluation, own = (evaluate_model(made, entry, {}, no_progress) for entry in (renamed(corpus), corpus))
    assert (evaluation.networks, evaluation.recordings_compared) == ("unheard", True)
    assert (evaluation.confusion, evaluation.ua) == (own.confusion, own.ua)


def test_model_of_an_earlier_format_says_what_it_cannot_check(
    corpus: Corpus, model: Callable[..., EmotionModel], capsys: pytest.CaptureFixture[str]
) -> None:
    made = model(corpus=corpus.identity, members=FOLDS, format=2)
    evaluation = evaluate_model(made, renamed(corpus), {}, no_progress)
    assert (evaluation.networks, evaluation.recordings_compared, evaluation.checked_by) == ("all", False, "")
    print_evaluation(evaluation)
    assert "not checked: whether the model was trained on these recordings" in capsys.readouterr().out
    own = evaluate_model(made, corpus, {}, no_progress)
    print_evaluation(own)
    assert "not checked" not in capsys.readouterr().out
    assert own.model_copy(update={"recordings_compared": False}).checked_by == "speakers"


@pytest.mark.parametrize(("normalisation", "together"), [("zscore_speaker", 4), ("zscore_training", 3)])
def test_speakers_are_normalised_by_recordings_of_all_labels(
    corpus: Corpus,
    model: Callable[..., EmotionModel],
    monkeypatch: pytest.MonkeyPatch,
    normalisation: str,
    together: int,
) -> None:
    """A stand-in hears anger where it gets that many recordings of a speaker together."""

    def predict(self: EmotionModel, recordings: Iterable[Recording]) -> Iterator[Prediction]:
        for _, group in groupby(recordings, lambda recording: recording.speaker):
            of_speaker = list(group)
            anger = float(len(of_speaker) == together)
            for recording in of_speaker:
                yield Prediction(recording, "", {"anger": anger, "sadness": 1 - anger})

    made = model(settings={"normalisation": normalisation})
    utterances = tuple(
        replace(entry, emotion="calm") if entry.id.endswith("sadness-1") else entry for entry in corpus.utterances
    )
    elsewhere = replace(corpus, name="elsewhere", utterances=utterances, emotions=(*corpus.emotions, "calm"))
    monkeypatch.setattr(EmotionModel, "predict", predict)
    evaluation = evaluate_model(made, elsewhere, {}, no_progress)
    assert evaluation.confusion == ((8, 0), (4, 0))
    assert evaluation.left_out == {"calm": 4}


def test_segment_that_cannot_be_read_is_left_out_as_a_file_is(
    corpus: Corpus, model: Callable[..., EmotionModel]
) -> None:
    made = model()
    whole = evaluate_model(made, replace(corpus, digest="7" * 32), {}, no_progress)
    first, second, *others = corpus.utterances
    first_s, second_s = (soundfile.info(entry.path).duration for entry in (first, second))
    cut = (replace(first, start_s=0.0, end_s=first_s), replace(second, start_s=0.1, end_s=900.0), *others)
    evaluation = evaluate_model(made, replace(corpus, digest="8" * 32, utterances=cut), {}, no_progress)
    assert evaluation.utterances == whole.utterances - 1
    assert evaluation.unreadable == {
        second.id: f"{second.path}: has no segment from 0.1 to 900 s: it lasts {second_s:.3f} s"
    }


@pytest.mark.parametrize(
    ("recordings", "situations", "logged", "lines"),
    [
        (
            {"f1": 1, "f2": 1, "m1": 1, "m2": 1},
            {"stranger": 4},
            "stranger",
            ["4 of 4 utterances normalised by statistics of the training speakers, since they are the only readable "],
        ),
        (
            {"f1": 4, "f2": 1, "m1": 2, "m2": 1},
            {"speaker": 6, "stranger": 2},
            "speaker (6), stranger (2)",
            ["normalised by all recordings of the speaker together", "2 of 8 utterances normalised by statistics of "],
        ),
        ({"f1": 4, "f2": 4}, {"speaker": 8}, "speaker", ["normalised by all recordings of the speaker together"]),
    ],
)
def test_speakers_with_one_recording_are_counted_as_strangers(
    corpus: Corpus,
    model: Callable[..., EmotionModel],
    capsys: pytest.CaptureFixture[str],
    recordings: dict[str, int],
    situations: dict[str, int],
    logged: str,
    lines: list[str],
) -> None:
    by_speaker = {speaker: [u for u in corpus.utterances if u.speaker == speaker] for speaker in recordings}
    chosen = tuple(entry for speaker, count in recordings.items() for entry in by_speaker[speaker][:count])
    elsewhere = replace(corpus, digest="6" * 32, utterances=chosen, samples_sha256=corpus.samples_sha256[: len(chosen)])
    made = model(settings={"normalisation": "zscore_speaker"})
    evaluation = evaluate_model(made, elsewhere, {}, no_progress)
    assert evaluation.situations == situations
    assert run_params(evaluation)["situation"] == logged
    print_evaluation(evaluation)
    said = [line for line in capsys.readouterr().out.splitlines() if "normalised by" in line]
    assert len(said) == len(lines)
    assert all(line.startswith(start) for line, start in zip(said, lines, strict=True))
    # It names the evaluation, whose files of earlier versions have no counts.
    assert evaluation.situation == "speaker"


@pytest.fixture
def evaluation(corpus: Corpus, model: Callable[..., EmotionModel]) -> Evaluation:
    return evaluate_model(model(), other(corpus), {}, no_progress)


def test_evaluation_is_saved_once_and_read_again(evaluation: Evaluation, tmp_path: Path) -> None:
    store = EvaluationStore(tmp_path / "evaluations")
    path = store.put(evaluation)
    assert store.put(evaluation) == path
    assert store.read_all() == [evaluation]
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | {"evaluation": content["evaluation"].replace('"ua":', '"ua":1')}))
    with pytest.raises(SerError, match=rf"{path.name}: its content is not what was written"):
        store.read_all()


def test_evaluations_of_the_first_version_are_read(evaluation: Evaluation, tmp_path: Path) -> None:
    store = EvaluationStore(tmp_path / "evaluations")
    first = evaluation.model_copy(update={"version": 1, "situations": {}})
    assert first.identity == first.subject != evaluation.identity
    fields = first.model_dump_json(exclude={"version", "recordings_compared", "situations", "heard_speakers"})
    record = {"sha256": hashlib.sha256(fields.encode()).hexdigest(), "evaluation": fields}
    (tmp_path / "evaluations").mkdir()
    path = tmp_path / "evaluations" / f"{first.identity}.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    assert store.read_all() == [first]
    store.put(evaluation)
    assert store.read_all() == [evaluation]
    assert json.loads(path.read_text(encoding="utf-8")) == record


def test_evaluation_without_a_check_replaces_none(
    evaluation: Evaluation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = EvaluationStore(tmp_path / "evaluations")
    checked = evaluation.model_copy(update={"recordings_compared": True})
    assert not evaluation.recordings_compared
    paths = {store.put(entry) for entry in (checked, evaluation)}
    assert len(paths) == 2
    assert store.read_all() == [checked]
    print_cross_table([checked])
    assert "not checked" not in " ".join(capsys.readouterr().out.split())
    print_cross_table([evaluation])
    assert "not checked for recordings of the training" in " ".join(capsys.readouterr().out.split())


def test_evaluation_is_logged_once_and_continued(
    evaluation: Evaluation, store: MlflowFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("tracking.writing.evaluation_run.end_run", lambda *arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            log_evaluation(store.client, store.experiment, evaluation)
    log_evaluation(store.client, store.experiment, evaluation)
    log_evaluation(store.client, store.experiment, evaluation)
    (run,) = store.runs(ser__kind="evaluation")
    assert run.info.status == "FINISHED"
    assert run.data.metrics[schema.TEST_UA] == evaluation.ua
    assert run.data.tags[schema.TEST_CORPUS] == "elsewhere"
    assert run.data.params["left_out"] == "calm (4)"
    assert schema.STUDY not in run.data.tags
    files = {file.path for file in store.client.list_artifacts(run.info.run_id)}
    assert files == {"confusion.csv", "confusion.svg", "evaluation.json"}
