import csv
import io
import re
from dataclasses import replace

import numpy as np
import pytest

from ser.feature_settings import LogMelSettings
from ser.results import AttentionEffect
from ser.training.checkpoint import parse_result
from tests.support.toy_corpus import small
from tests.support.toy_studies import CORPUS, NONE, SCHEME, trained, trial_result
from tracking.writing import payloads


def test_predictions_are_one_row_a_decision_of_both_parts() -> None:
    result = parse_result(trained(NONE, 0))
    read = list(csv.DictReader(io.StringIO(payloads.predictions_csv(result))))
    assert [row["part"] for row in read] == ["test"] * 9 + ["validation"] * 9
    assert [row["utterance"] for row in read[:9]] == list(result.test.utterances)
    assert {row["speaker"] for row in read[:9]} == set(SCHEME[0].test_speakers)
    assert [row["actual"] for row in read[9:]] == [CORPUS.emotions[k] for k in result.validation.actual]
    assert [row["predicted"] for row in read[9:]] == [CORPUS.emotions[k] for k in result.validation.predicted]
    scores = np.array([[float(row[f"score_{emotion}"]) for emotion in CORPUS.emotions] for row in read[:9]])
    np.testing.assert_allclose(scores, result.test.scores, atol=5e-7)
    assert {row["session"] for row in read} == {""}


FORMULA = "=HYPERLINK(1)"


def test_no_name_in_the_files_of_a_fold_is_a_formula() -> None:
    result = parse_result(trained(NONE, 0))
    corpus = result.corpus.model_copy(update={"emotions": (FORMULA, "+y", "@x")})
    test = result.test
    hostile = test.model_copy(
        update={
            "utterances": ("-u", *test.utterances[1:]),
            "speakers": (FORMULA,) * len(test.speakers),
            "sessions": ("=s",) * len(test.sessions),
        }
    )
    text = payloads.predictions_csv(result.model_copy(update={"corpus": corpus, "test": hostile}))
    (first, *_) = csv.DictReader(io.StringIO(text))
    assert (first["utterance"], first["speaker"], first["session"]) == ("'-u", f"'{FORMULA}", "'=s")
    assert {first["actual"], first["predicted"]} <= {f"'{name}" for name in corpus.emotions}
    assert float(first[f"score_{FORMULA}"]) == pytest.approx(test.scores[0][0], abs=5e-7)
    assert not re.search(r"^[=+@-]|,[=+@-]\D", text, flags=re.MULTILINE)
    matrix = payloads.confusion_csv(np.eye(3, dtype=int), corpus.emotions)
    assert matrix.splitlines()[0] == f"actual \\ predicted,'{FORMULA},'+y,'@x"
    assert [line.partition(",")[0] for line in matrix.splitlines()[1:]] == [f"'{FORMULA}", "'+y", "'@x"]


def test_no_name_in_the_list_of_utterances_is_a_formula() -> None:
    first, *others = CORPUS.utterances
    own = {"id": FORMULA, "speaker": "+s", "session": "@s", "emotion": "-e", "site": "=t", "ratings": {"=r": -1.5}}
    read = list(
        csv.reader(io.StringIO(payloads.utterances_csv(replace(CORPUS, utterances=(replace(first, **own), *others)))))
    )
    cells = dict(zip(*read[:2], strict=True))
    assert [cells[name] for name in ("utterance", "speaker", "session", "emotion", "site")] == [
        f"'{own[name]}" for name in ("id", "speaker", "session", "emotion", "site")
    ]
    assert cells["'=r"] == "-1.5"


def test_a_confusion_matrix_has_true_emotions_in_rows() -> None:
    confusion = np.array([[3, 1, 0], [0, 2, 2], [1, 0, 4]])
    assert (
        payloads.confusion_csv(confusion, ("a", "b", "c")) == "actual \\ predicted,a,b,c\na,3,1,0\nb,0,2,2\nc,1,0,4\n"
    )


def test_the_pooled_confusion_is_the_sum_over_folds() -> None:
    pooled = payloads.trial_confusion(trial_result(NONE, "first", "run"))
    expected = np.zeros((3, 3), dtype=int)
    for fold in SCHEME:
        test = parse_result(trained(NONE, fold.index)).test
        np.add.at(expected, (list(test.actual), list(test.predicted)), 1)
    assert pooled.tolist() == expected.tolist()


def test_a_model_is_named_by_all_of_its_settings() -> None:
    names = [
        payloads.model_digest(small()),
        payloads.model_digest(small(seed=2)),
        payloads.model_digest(small(attention="local", attention_norm="window")),
        payloads.model_digest(small(features=LogMelSettings(mel_bands=6))),
    ]
    assert len(set(names)) == 4
    assert payloads.model_digest(small(scope=21)) == names[0]


def test_tags_leave_out_settings_without_effect() -> None:
    tags = payloads.configuration_tags(small(attention="local", scope=5))
    assert tags["ser.scope"] == "5"
    assert tags["ser.labels"] == "words"
    assert "ser.labels" not in payloads.configuration_tags(small(criterion="cross_entropy"))


def test_capped_and_undecided_shares_are_scores() -> None:
    result = parse_result(trained(NONE, 0))
    targets = result.targets.model_copy(update={"utterances": 40, "capped": 3})
    test = result.test.model_copy(update={"undecided_share": 0.25})
    scores = payloads.fold_scores(result.model_copy(update={"targets": targets, "test": test}))
    assert scores["capped_target_share"] == pytest.approx(0.075)
    assert scores["undecided_share"] == 0.25
    assert "undecided_share" not in payloads.fold_scores(result)
    assert scores["fold_duration_s"] == pytest.approx((result.ended_ms - result.started_ms) / 1000)


def test_the_effect_of_the_attention_is_a_score() -> None:
    result = parse_result(trained(NONE, 0))
    assert not {"changed_decision_share", "test_relative_weight_entropy"} & set(payloads.fold_scores(result))
    effect = AttentionEffect(changed_decision_share=0.1, weight_statistics={"relative_weight_entropy": 0.9})
    scores = payloads.fold_scores(result.model_copy(update={"attention_effect": effect}))
    assert (scores["changed_decision_share"], scores["test_relative_weight_entropy"]) == (0.1, 0.9)


def test_a_trial_pools_decisions_that_change_where_all_folds_have_them() -> None:
    trial = trial_result(NONE, "first", "run")
    assert "changed_decision_share" not in payloads.trial_scores(trial)
    shares = [0.1 * index for index in range(len(trial.folds))]
    folds = [
        fold.model_copy(update={"attention_effect": AttentionEffect(changed_decision_share=share)})
        for fold, share in zip(trial.folds, shares, strict=True)
    ]
    sizes = [len(fold.test.utterances) for fold in folds]
    scores = payloads.trial_scores(trial.model_copy(update={"folds": tuple(folds)}))
    assert scores["changed_decision_share"] == pytest.approx(np.average(shares, weights=sizes))
    partly = trial.model_copy(update={"folds": (trial.folds[0], *folds[1:])})
    assert "changed_decision_share" not in payloads.trial_scores(partly)
