"""FAU-Aibo at full size."""

from collections import Counter
from pathlib import Path
from time import process_time

import numpy as np
import pytest

from ser.corpora.corpus import Annotations
from ser.corpora.registry import load_annotations
from ser.corpora.synthetic import write_synthetic_corpus
from ser.folds import make_folds, parse_scheme, split_indices
from ser.training.batching import make_epoch_batches, upsample_to_largest_class
from tests.support.full_size import FAU_AIBO, MONT, OHM, fau_aibo_rows, unheard, write_table

EMOTIONS = ("anger", "emphatic", "neutral", "positive", "rest")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("full-fau-aibo")
    write_synthetic_corpus(
        "fau_aibo", write_table(folder / "table.csv", fau_aibo_rows()), folder / "release", distractors=True
    )
    return folder / "release"


@pytest.fixture(scope="module")
def loading(root: Path) -> tuple[Annotations, float]:
    """The annotations, and how many seconds of the processor reading them took: others may be using the machine."""
    before_s = process_time()
    return load_annotations("fau_aibo", root), process_time() - before_s


@pytest.fixture(scope="module")
def annotations(loading: tuple[Annotations, float]) -> Annotations:
    return loading[0]


@pytest.fixture(scope="module")
def two_classes(root: Path) -> Annotations:
    """The release read with both of its options."""
    return load_annotations("fau_aibo", root, {"words": "transliteration", "classes": "2"})


def test_loading_takes_less_than_ten_seconds(loading: tuple[Annotations, float]) -> None:
    annotations, processor_s = loading
    assert len(annotations.utterances) == 18_216
    assert processor_s < 10


def test_the_schools_and_classes_have_exactly_their_numbers(annotations: Annotations) -> None:
    assert annotations.emotions == EMOTIONS
    assert annotations.skipped == ()
    found = Counter((utterance.id.split("_")[0], utterance.emotion) for utterance in annotations.utterances)
    for school, numbers in FAU_AIBO.items():
        assert tuple(found[school, emotion] for emotion in EMOTIONS) == numbers
    assert [sum(numbers) for numbers in FAU_AIBO.values()] == [9959, 8257]
    assert len(annotations.utterances) == 9959 + 8257


def test_the_last_two_speakers_of_ohm_validate_and_mont_tests(annotations: Annotations) -> None:
    parts: dict[str, set[str]] = {}
    for utterance in annotations.utterances:
        parts.setdefault(str(utterance.split), set()).add(utterance.speaker)
    assert parts == {"training": set(OHM[:-2]), "validation": {"Ohm_31", "Ohm_32"}, "test": set(MONT)}
    assert annotations.partners == {}
    (fold,) = make_folds(unheard(annotations), parse_scheme("given"), None)
    assert fold.validation_speakers == ("Ohm_31", "Ohm_32")
    assert set(fold.test_speakers) == set(MONT)


def test_words_come_from_either_file(annotations: Annotations, two_classes: Annotations) -> None:
    assert Counter(utterance.words_source for utterance in annotations.utterances) == {"segmentation": 18_216}
    assert Counter(utterance.words_source for utterance in two_classes.utterances) == {"transliteration": 18_216}
    assert [one.words for one in two_classes.utterances] == [one.words for one in annotations.utterances]
    assert all(one.transcript and len(one.transcript.split()) == one.words for one in annotations.utterances)


def test_two_classes_are_read_from_their_own_file(two_classes: Annotations) -> None:
    assert two_classes.emotions == ("negative", "idle")
    expected = Counter("negative" if row["label_2cl"] == "NEG" else "idle" for row in fau_aibo_rows())
    assert Counter(utterance.emotion for utterance in two_classes.utterances) == expected


def test_upsampled_batches_are_balanced_and_seeded(annotations: Annotations) -> None:
    corpus = unheard(annotations)
    (fold,) = make_folds(corpus, parse_scheme("given"), None)
    training, _, _ = split_indices(corpus, fold)
    classes = np.asarray([EMOTIONS.index(corpus.utterances[place].emotion) for place in training])
    before = np.bincount(classes) / len(classes)
    assert before.max() > 0.5

    def batches(*entropy: int) -> list[np.ndarray]:
        repeated = upsample_to_largest_class(training, classes, entropy)
        frames = [50 + place % 100 for place in repeated]
        return [repeated[batch] for batch in make_epoch_batches(frames, 32, entropy)]

    first = batches(1, 0)
    drawn = np.concatenate(first)
    shares = np.bincount([EMOTIONS.index(corpus.utterances[place].emotion) for place in drawn]) / len(drawn)
    assert np.abs(shares - 0.2).max() < 0.02 * 0.2
    assert set(drawn.tolist()) == set(training.tolist())
    assert {corpus.utterances[place].split for place in drawn} == {"training"}
    assert all(np.array_equal(one, other) for one, other in zip(first, batches(1, 0), strict=True))
    assert not np.array_equal(np.concatenate(batches(2, 0)), drawn)
