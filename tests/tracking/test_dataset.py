import json
from dataclasses import replace

from ser.corpora.base import Corpus
from tests.ser.synthetic import make_corpus
from tracking.rows import dataset_input


def corpus_of_three_origins() -> Corpus:
    corpus = make_corpus(each=1)
    first, second, *others = corpus.utterances
    counted = (
        replace(first, words=3, words_from="transcript", voiced_phonemes=9, voiced_phonemes_from="labels"),
        replace(
            second, words=3, words_from="transcript", voiced_phonemes=8, voiced_phonemes_from="grapheme-to-phoneme"
        ),
        *others,
    )
    return replace(corpus, utterances=counted)


def test_the_tracked_dataset_says_where_counts_come_from() -> None:
    dataset = dataset_input(corpus_of_three_origins()).dataset
    profile = json.loads(dataset.profile)
    assert profile["words_from"] == {"unknown": 6, "transcript": 2}
    assert profile["voiced_phonemes_from"] == {"unknown": 6, "labels": 1, "grapheme-to-phoneme": 1}
    assert profile["synthetic"] is False
    assert (dataset.name, dataset.digest, profile["utterances"]) == ("made-up", "0" * 32, 8)
