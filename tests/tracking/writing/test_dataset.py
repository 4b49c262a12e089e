import csv
import io
import json
from dataclasses import replace

from ser.corpora.corpus import Corpus
from tests.support.toy_corpus import make_corpus
from tracking.writing.payloads import dataset_input, utterances_csv


def corpus_of_three_origins() -> Corpus:
    corpus = make_corpus(each=1)
    first, second, *others = corpus.utterances
    counted = (
        replace(first, words=3, words_source="transcript", voiced_phonemes=9, voiced_phonemes_source="labels"),
        replace(
            second, words=3, words_source="transcript", voiced_phonemes=8, voiced_phonemes_source="grapheme-to-phoneme"
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


def test_the_origin_of_every_utterances_counts_is_a_column() -> None:
    corpus = corpus_of_three_origins()
    first = replace(corpus.utterances[0], session="S1", ratings={"valence": 2.5, "dominance": 4.0})
    corpus = replace(corpus, utterances=(first, *corpus.utterances[1:]))
    rows = list(csv.DictReader(io.StringIO(utterances_csv(corpus))))
    assert [row["utterance"] for row in rows] == [utterance.id for utterance in corpus.utterances]
    assert rows[0] == {
        "utterance": first.id,
        "speaker": first.speaker,
        "session": "S1",
        "site": "",
        "split": "",
        "emotion": first.emotion,
        "duration_s": "1.0000",
        "words": "3",
        "words_from": "transcript",
        "voiced_phonemes": "9",
        "voiced_phonemes_from": "labels",
        "language": "en",
        "valence": "2.5",
        "dominance": "4.0",
    }
    origins = [(row["words_from"], row["voiced_phonemes_from"], row["valence"]) for row in rows[1:3]]
    assert origins == [("transcript", "grapheme-to-phoneme", ""), ("unknown", "unknown", "")]
    columns = json.loads(dataset_input(corpus).dataset.schema)["mlflow_colspec"]
    assert [column["name"] for column in columns] == list(rows[0])
