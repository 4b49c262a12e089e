"""One corpus through three loaders is one corpus: the same content, the same digest, the same results."""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from ser.config import FoldConfiguration
from ser.corpora.corpus import Corpus, Utterance
from ser.corpora.emodb import EMOTIONS
from ser.corpora.loading import load_corpus
from ser.feature_settings import LogMelSettings
from ser.features.builder import build_store_if_missing
from ser.features.store import FeatureStore
from ser.folds.leave_one_speaker_out import speaker_folds
from ser.training.trainer import TrainedFold, train_fold
from tests.support.corpora import write_database, write_emodb, write_manifest
from tests.support.toy_corpus import assert_identical

pytestmark = pytest.mark.skipif(find_spec("audformat") is None, reason="needs package audformat")

OPTIONS = {"emotions": ",".join(EMOTIONS)}
STEMS = [
    f"{speaker}{text}{letter}a"
    for speaker in ("03", "08", "09", "10")
    for text in ("a01", "b10")
    for letter in "WLEAFTN"
]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads of a machine that does other things too wait for each other most of the time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def rows_of(corpus: Corpus, columns: Sequence[str]) -> list[dict[str, object]]:
    """The corpus as a table; audio lies in `wav`."""
    return [
        {"path": f"wav/{one.path.name}", "speaker": one.speaker, "emotion": one.emotion}
        | {column: getattr(one, column) for column in columns}
        for one in sorted(corpus.utterances, key=lambda one: one.id)
    ]


def as_tables(corpus: Corpus, folder: Path, columns: Sequence[str]) -> dict[str, Corpus]:
    """The corpus by its own loader, and read again from a manifest and a database beside its audio."""
    rows = rows_of(corpus, columns)
    for name, write in (("manifest", write_manifest), ("audformat", write_database)):
        (folder / name).mkdir()
        (folder / name / "wav").symlink_to(corpus.root / "wav")
        write(folder / name, rows)
    tables = {name: load_corpus(name, folder / name, options=OPTIONS) for name in ("manifest", "audformat")}
    return {"emodb": corpus} | tables


def content(utterance: Utterance) -> tuple[Any, ...]:
    return (utterance.id, utterance.speaker, utterance.emotion, utterance.words, utterance.voiced_phonemes)


def assert_same(corpora: dict[str, Corpus]) -> None:
    first = corpora["emodb"]
    for corpus in corpora.values():
        assert list(map(content, corpus.utterances)) == list(map(content, first.utterances))
        assert corpus.digest == first.digest
        assert (corpus.emotions, corpus.partners) == (first.emotions, first.partners)
        assert (corpus.durations_s, corpus.samples_sha256) == (first.durations_s, first.samples_sha256)
        assert corpus.skipped == ()


def train_first_fold(corpus: Corpus, folder: Path) -> TrainedFold:
    configuration = FoldConfiguration.parse(
        attention="none",
        labels="phonemes",
        loss_scale="utterance",
        decision="posterior",
        cells=4,
        epochs=1,
        seed=3,
    )
    store = FeatureStore.open(build_store_if_missing(corpus, LogMelSettings(), folder))
    fold = speaker_folds(corpus, "partner")[0]
    return train_fold(corpus, store, configuration, fold, torch.device("cpu"))


def without_name(trained: TrainedFold) -> TrainedFold:
    """The fold with its corpus's registered name taken out: it says which loader read it, and no more."""
    identity = trained.result.corpus.model_copy(update={"name": ""})
    return TrainedFold(trained.result.model_copy(update={"corpus": identity}), trained.weights)


def test_counts_of_columns_give_the_same_corpus_and_fold(tmp_path: Path) -> None:
    own = load_corpus("emodb", write_emodb(tmp_path / "emodb", STEMS))
    corpora = as_tables(own, tmp_path, ("words", "voiced_phonemes"))
    assert_same(corpora)
    trained = {name: train_first_fold(corpus, tmp_path / f"store-{name}") for name, corpus in corpora.items()}
    for name in ("manifest", "audformat"):
        assert trained[name].result.identity == trained["emodb"].result.identity
        assert trained[name].result.corpus.name == name
        assert_identical(without_name(trained[name]), without_name(trained["emodb"]))


def test_words_of_a_transcript_column_give_the_same_corpus(tmp_path: Path) -> None:
    own = load_corpus("emodb", write_emodb(tmp_path / "emodb", STEMS))
    corpora = as_tables(own, tmp_path, ("transcript", "voiced_phonemes"))
    assert_same(corpora)
    assert [corpus.words_source for corpus in corpora.values()] == [{"transcript": len(STEMS)}] * 3
    assert [list(corpus.voiced_phonemes_source) for corpus in corpora.values()] == [
        ["labels"],
        ["manifest"],
        ["audformat"],
    ]


def test_the_real_emodb_is_one_corpus_through_three_loaders(emodb_root: Path, tmp_path: Path) -> None:
    own = load_corpus("emodb", emodb_root)
    corpora = as_tables(own, tmp_path, ("words", "voiced_phonemes"))
    assert len(own.utterances) == 535
    assert_same(corpora)


def test_real_speech_through_three_loaders_gives_one_fold(emodb_root: Path, tmp_path: Path) -> None:
    # Two sentences of two pairs of speakers, who show all emotions in each pair, are learnt in seconds.
    for folder in ("wav", "lablaut"):
        (tmp_path / "emodb" / folder).mkdir(parents=True)
        for file in (emodb_root / folder).iterdir():
            if file.name[:2] in ("11", "12", "13", "14") and file.name[2:5] in ("a04", "b01"):
                (tmp_path / "emodb" / folder / file.name).symlink_to(file)
    corpora = as_tables(load_corpus("emodb", tmp_path / "emodb"), tmp_path, ("words", "voiced_phonemes"))
    assert len(corpora["emodb"].utterances) == 37
    assert_same(corpora)
    trained = {name: train_first_fold(corpus, tmp_path / f"store-{name}") for name, corpus in corpora.items()}
    for name in ("manifest", "audformat"):
        assert_identical(without_name(trained[name]), without_name(trained["emodb"]))
