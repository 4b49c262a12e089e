"""Folds: who is in which part, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser.config import Validation
from ser.corpora.corpus import Corpus, SkippedFile
from ser.errors import ConfigurationError, FoldError
from ser.folds import check_fold, describe_unused_columns, make_folds, parse_scheme, speaker_folds, split_indices
from ser.results import Fold
from tests.support.toy_corpus import make_corpus

EMODB_PAIRS = (("03", "08"), ("09", "10"), ("11", "12"), ("13", "14"), ("15", "16"))


def paired(pairs: tuple[tuple[str, str], ...]) -> Corpus:
    partners = dict([pair for a, b in pairs for pair in ((a, b), (b, a))])
    return make_corpus(tuple(partners), partners)


def fold_of(test: tuple[str, ...], validation: tuple[str, ...], training: tuple[str, ...]) -> Fold:
    return Fold(
        index=0,
        name="made",
        scheme="by hand",
        test_speakers=test,
        validation_speakers=validation,
        training_speakers=training,
    )


def test_partner_scheme_pairs_emodb_speakers_both_ways() -> None:
    folds = speaker_folds(paired(EMODB_PAIRS), "partner")
    assert [fold.name for fold in folds] == ["03", "08", "09", "10", "11", "12", "13", "14", "15", "16"]
    assert [fold.index for fold in folds] == list(range(10))
    assert {fold.scheme for fold in folds} == {"leave-one-speaker-out/partner"}
    first, second = folds[:2]
    assert (first.test_speakers, first.validation_speakers) == (("03",), ("08",))
    assert (second.test_speakers, second.validation_speakers) == (("08",), ("03",))
    assert first.training_speakers == second.training_speakers == ("09", "10", "11", "12", "13", "14", "15", "16")


def test_other_session_validates_with_the_next_pair() -> None:
    folds = {fold.name: fold for fold in speaker_folds(paired(EMODB_PAIRS), "other_session")}
    assert {name: fold.validation_speakers for name, fold in folds.items()} == {
        "03": ("09",), "08": ("10",), "09": ("11",), "10": ("12",), "11": ("13",),
        "12": ("14",), "13": ("15",), "14": ("16",), "15": ("03",), "16": ("08",),
    }  # fmt: skip
    assert folds["15"].training_speakers == ("08", "09", "10", "11", "12", "13", "14")
    assert folds["03"].scheme == "leave-one-speaker-out/other_session"


@given(pairs=st.integers(2, 7), validation=st.sampled_from(["partner", "other_session"]))
def test_every_speaker_tests_once_and_no_speaker_is_in_two_parts(pairs: int, validation: Validation) -> None:
    corpus = paired(tuple((f"s{index}f", f"s{index}m") for index in range(pairs)))
    folds = speaker_folds(corpus, validation)
    assert sorted(fold.test_speakers[0] for fold in folds) == list(corpus.speakers)
    assert sorted(fold.validation_speakers[0] for fold in folds) == list(corpus.speakers)
    for fold in folds:
        used = fold.test_speakers + fold.validation_speakers + fold.training_speakers
        assert len(set(used)) == len(used) == 2 * pairs - (validation == "other_session")
        assert corpus.partners[fold.name] not in fold.training_speakers


@pytest.mark.parametrize("validation", ["partner", "other_session"])
def test_split_indices_hold_exactly_the_parts_utterances(validation: Validation) -> None:
    corpus = paired(EMODB_PAIRS)
    tested = []
    for fold in speaker_folds(corpus, validation):
        training, valid, test = split_indices(corpus, fold)
        parts = (
            (training, fold.training_speakers),
            (valid, fold.validation_speakers),
            (test, fold.test_speakers),
        )
        for indices, speakers in parts:
            assert indices.dtype == np.int64
            expected = [i for i, utterance in enumerate(corpus.utterances) if utterance.speaker in speakers]
            assert indices.tolist() == expected
        tested += test.tolist()
    assert sorted(tested) == list(range(len(corpus.utterances)))


def test_a_corpus_with_one_speaker_is_refused() -> None:
    with pytest.raises(FoldError, match=r"corpus made-up has 1 speaker\(s\) \(f1\)"):
        speaker_folds(make_corpus(("f1",)), "partner")


def test_a_refusal_names_what_was_left_out_of_the_corpus() -> None:
    corpus = replace(make_corpus(("f1",)), skipped=(SkippedFile("x.wav", "no such file"),))
    with pytest.raises(FoldError, match=r"has 1 speaker.*; 1 utterances were left out \(first: x.wav: no such file\)$"):
        make_folds(corpus, parse_scheme("speaker"), "partner")


def test_a_corpus_with_one_class_is_refused() -> None:
    corpus = make_corpus()
    angry = tuple(utterance for utterance in corpus.utterances if utterance.emotion == "anger")
    alone = replace(corpus, emotions=("anger",), utterances=angry, durations_s=(1.0,) * len(angry))
    with pytest.raises(FoldError, match="corpus made-up: expected two classes or more, found anger alone"):
        speaker_folds(alone, "partner")


def test_a_corpus_with_one_pair_has_nobody_to_train() -> None:
    with pytest.raises(FoldError, match="no speaker is left for training; corpus made-up has 2 \\(f1, m1\\)"):
        speaker_folds(make_corpus(("f1", "m1")), "partner")
    with pytest.raises(FoldError, match="'other_session' needs two pairs of speakers; corpus made-up has one"):
        speaker_folds(make_corpus(("f1", "m1")), "other_session")


@pytest.mark.parametrize("validation", ["partner", "other_session"])
@pytest.mark.parametrize("speakers", [3, 5, 9, 29])
def test_speakers_without_partners_are_validated_by_the_next(speakers: int, validation: Validation) -> None:
    corpus = make_corpus(tuple(f"s{number:02d}" for number in range(speakers)), {})
    folds = make_folds(corpus, parse_scheme("speaker"), validation)
    assert [fold.test_speakers for fold in folds] == [(speaker,) for speaker in corpus.speakers]
    following = corpus.speakers[1:] + corpus.speakers[:1]
    assert [fold.validation_speakers for fold in folds] == [(speaker,) for speaker in following]
    assert {len(fold.training_speakers) for fold in folds} == {speakers - 2}
    assert {fold.scheme for fold in folds} == {"leave-one-speaker-out/rotation"}


@pytest.mark.parametrize("alone", [{}, {"m2": "m2"}])
def test_a_single_unpaired_speaker_is_validated_by_the_next(alone: dict[str, str]) -> None:
    folds = speaker_folds(make_corpus(("f1", "m1", "m2"), {"f1": "m1", "m1": "f1"} | alone), "partner")
    assert [fold.validation_speakers for fold in folds] == [("m1",), ("f1",), ("f1",)]
    assert [fold.training_speakers for fold in folds] == [("m2",), ("m2",), ("m1",)]
    assert {fold.scheme for fold in folds} == {"leave-one-speaker-out/partner"}


@given(pairs=st.integers(2, 5), alone=st.integers(1, 5), validation=st.sampled_from(["partner", "other_session"]))
def test_pairs_stay_where_others_have_no_partner(pairs: int, alone: int, validation: Validation) -> None:
    paired_corpus = paired(tuple((f"s{index}f", f"s{index}m") for index in range(pairs)))
    names = (*paired_corpus.speakers, *(f"a{index}" for index in range(alone)))
    folds = {fold.name: fold for fold in speaker_folds(make_corpus(names, dict(paired_corpus.partners)), validation)}
    for fold in speaker_folds(paired_corpus, validation):
        assert folds[fold.name].validation_speakers == fold.validation_speakers
        assert set(folds[fold.name].training_speakers) == set(fold.training_speakers) | set(names[2 * pairs :])
    assert sorted(folds) == sorted(names)
    validators = [fold.validation_speakers[0] for fold in folds.values()]
    assert max(validators.count(name) for name in names) == (2 if alone == 1 else 1)


@pytest.mark.parametrize("groups", ["3", "9"])
def test_groups_are_of_speakers_where_none_has_a_partner(groups: str) -> None:
    folds = make_folds(make_corpus(tuple("abcdefghi"), {}), parse_scheme(f"groups:{groups}"), None)
    assert {len(fold.test_speakers) for fold in folds} == {9 // int(groups)}


def test_a_partner_without_a_partner_is_named() -> None:
    partners = {"f1": "m1", "m1": "f1", "f2": "m2"}
    with pytest.raises(FoldError, match="speaker f2 of corpus made-up has partner m2, who has no partner"):
        speaker_folds(make_corpus(partners=partners), "partner")


def test_a_partner_without_utterances_is_named() -> None:
    with pytest.raises(FoldError, match="speaker m2 of corpus made-up has partner f2, who has no utterance"):
        speaker_folds(make_corpus(("f1", "m1", "m2")), "partner")


def test_other_session_needs_pairs_of_two() -> None:
    ring = {"a": "b", "b": "c", "c": "d", "d": "a"}
    with pytest.raises(FoldError, match=r"in pairs of two; its pairs are a\+b, a\+d, b\+c, c\+d"):
        speaker_folds(make_corpus("abcd", ring), "other_session")


def test_a_class_without_training_utterances_is_named() -> None:
    corpus = make_corpus()
    lacking = tuple(u for u in corpus.utterances if u.emotion == "anger" or u.speaker in ("f1", "m1"))
    with pytest.raises(
        FoldError, match=r"fold f1: no training speaker \(f2, m2\) has utterances of class\(es\) sadness"
    ):
        speaker_folds(replace(corpus, utterances=lacking, durations_s=(1.0,) * len(lacking)), "partner")


@pytest.mark.parametrize(
    ("fold", "message"),
    [
        (fold_of(("f1",), ("m1",), ("f2", "f1")), r"speaker\(s\) f1 are in training and in test"),
        (fold_of(("f1",), ("m1",), ("f2", "m1")), r"speaker\(s\) m1 are in training and in validation"),
        (fold_of(("f1",), ("f1",), ("f2", "m1")), r"speaker\(s\) f1 are in validation and in test"),
        (fold_of((), ("m1",), ("f2",)), "no speaker is left for test"),
        (fold_of(("f1",), (), ("f2",)), "no speaker is left for validation"),
        (fold_of(("x9",), ("m1",), ("f2",)), r"test speaker\(s\) x9 have no utterance"),
    ],
)
def test_a_fold_made_by_hand_is_guarded_too(fold: Fold, message: str) -> None:
    with pytest.raises(FoldError, match=message):
        check_fold(make_corpus(), fold)
    with pytest.raises(FoldError, match=message):
        split_indices(make_corpus(), fold)


def in_sessions(sessions: int, speakers: int = 2) -> Corpus:
    """A corpus whose speakers 's1a', 's1b' share session 's1', and so on."""
    names = {f"s{number}{letter}": f"s{number}" for number in range(1, sessions + 1) for letter in "abc"[:speakers]}
    corpus = make_corpus(tuple(names), {})
    return replace(corpus, utterances=tuple(replace(u, session=names[u.speaker]) for u in corpus.utterances))


def test_session_folds_validate_on_the_next_session() -> None:
    folds = make_folds(in_sessions(5), parse_scheme("session"), None)
    assert [fold.name for fold in folds] == ["s1", "s2", "s3", "s4", "s5"]
    assert {fold.scheme for fold in folds} == {"leave-one-session-out"}
    assert folds[4].test_speakers == ("s5a", "s5b")
    assert folds[4].validation_speakers == ("s1a", "s1b")
    assert folds[4].training_speakers == ("s2a", "s2b", "s3a", "s3b", "s4a", "s4b")


def test_session_folds_refuse_missing_and_shared_sessions() -> None:
    with pytest.raises(FoldError, match=r"at least three parts.*has 2 \(s1, s2\)"):
        make_folds(in_sessions(2), parse_scheme("session"), None)
    corpus = in_sessions(3)
    first, *others = corpus.utterances
    with pytest.raises(FoldError, match=f"{first.id} has none"):
        make_folds(replace(corpus, utterances=(replace(first, session=None), *others)), parse_scheme("session"), None)
    with pytest.raises(FoldError, match="speaker s1a is in sessions s2 and s1"):
        make_folds(replace(corpus, utterances=(replace(first, session="s2"), *others)), parse_scheme("session"), None)


@given(groups=st.integers(3, 5))
def test_groups_keep_partners_together(groups: int) -> None:
    corpus = paired(EMODB_PAIRS)
    folds = make_folds(corpus, parse_scheme(f"groups:{groups}"), None)
    assert len(folds) == groups
    assert sorted(speaker for fold in folds for speaker in fold.test_speakers) == list(corpus.speakers)
    for fold in folds:
        assert {corpus.partners[speaker] for speaker in fold.test_speakers} == set(fold.test_speakers)
        assert len(fold.test_speakers + fold.validation_speakers + fold.training_speakers) == 10


def test_groups_are_about_equally_large() -> None:
    corpus = make_corpus(tuple("abcdefgh"), {})
    few = tuple(u for u in corpus.utterances if u.speaker < "e" or u.id.endswith("0"))
    folds = make_folds(
        replace(corpus, utterances=few, samples_sha256=tuple(u.id for u in few)), parse_scheme("groups:3"), None
    )
    sizes = [sum(u.speaker in fold.test_speakers for u in few) for fold in folds]
    assert max(sizes) - min(sizes) <= max(sum(u.speaker == name for u in few) for name in "abcdefgh")


@pytest.mark.parametrize("groups", ["2", "6"])
def test_groups_refuse_a_number_that_does_not_fit(groups: str) -> None:
    with pytest.raises(FoldError, match=f"groups:{groups}.*expected 3 to 5 groups"):
        make_folds(paired(EMODB_PAIRS), parse_scheme(f"groups:{groups}"), None)


def with_splits(splits: dict[str, str | None]) -> Corpus:
    corpus = make_corpus(tuple(splits), {})
    return replace(corpus, utterances=tuple(replace(u, split=splits[u.speaker]) for u in corpus.utterances))


def test_a_given_split_makes_one_fold() -> None:
    (fold,) = make_folds(
        with_splits({"a": "training", "b": "test", "c": "validation", "d": "test"}), parse_scheme("given"), None
    )
    assert (fold.training_speakers, fold.validation_speakers, fold.test_speakers) == (("a",), ("c",), ("b", "d"))
    assert (fold.name, fold.scheme) == ("given", "given split")


def test_a_given_split_refuses_missing_and_shared_subsets() -> None:
    with pytest.raises(FoldError, match="no speaker is left for validation"):
        make_folds(with_splits({"a": "training", "b": "test"}), parse_scheme("given"), None)
    with pytest.raises(FoldError, match="need a split"):
        make_folds(with_splits({"a": "training", "b": None, "c": "test"}), parse_scheme("given"), None)
    corpus = with_splits({"a": "training", "b": "validation", "c": "test"})
    moved = tuple(replace(u, split="test") if i == 0 else u for i, u in enumerate(corpus.utterances))
    with pytest.raises(FoldError, match=r"speaker a is in test and, with .*, in training"):
        make_folds(replace(corpus, utterances=moved), parse_scheme("given"), None)


@pytest.mark.parametrize("scheme", ["speaker", "session", "groups:3"])
def test_a_split_that_no_fold_uses_is_described(scheme: str) -> None:
    corpus = with_splits({"a": "training", "b": "test", "c": "validation", "d": None})
    name = scheme.partition(":")[0]
    assert describe_unused_columns(corpus, parse_scheme(scheme)) == (
        f"corpus made-up has a predefined split (test 4, training 4, validation 4), which folds '{name}' do not use; "
        "use --folds given (FOLDS=given) for folds by it",
    )
    assert describe_unused_columns(corpus, parse_scheme("given")) == ()


def test_sessions_that_no_fold_uses_are_described() -> None:
    corpus = in_sessions(3, speakers=3)
    (line,) = describe_unused_columns(corpus, parse_scheme("speaker"))
    assert line.startswith("corpus made-up has 3 sessions, which folds 'speaker' do not use; use --folds session")
    assert describe_unused_columns(corpus, parse_scheme("session")) == ()


def test_sessions_that_pair_speakers_are_not_described() -> None:
    partners = {"s1a": "s1b", "s1b": "s1a", "s2a": "s2b", "s2b": "s2a", "s3a": "s3b", "s3b": "s3a"}
    scheme = parse_scheme("speaker")
    assert describe_unused_columns(replace(in_sessions(3), partners=partners), scheme) == ()
    assert describe_unused_columns(in_sessions(2, speakers=3), scheme) == ()
    corpus = in_sessions(3, speakers=3)
    first, *others = corpus.utterances
    assert describe_unused_columns(replace(corpus, utterances=(replace(first, session="s2"), *others)), scheme) == ()
    assert describe_unused_columns(replace(corpus, utterances=(replace(first, session=None), *others)), scheme) == ()


@pytest.mark.parametrize("scheme", ["session", "given"])
def test_partners_that_no_fold_uses_are_described(scheme: str) -> None:
    corpus = replace(in_sessions(3, speakers=3), given_columns=("partner",))
    assert describe_unused_columns(corpus, parse_scheme(scheme)) == (
        f"corpus made-up has a column 'partner', which folds '{scheme}' do not use; "
        "use --folds speaker (FOLDS=speaker) for folds by it",
    )
    assert describe_unused_columns(replace(corpus, given_columns=()), parse_scheme(scheme)) == ()


def test_counts_that_no_target_uses_are_described() -> None:
    corpus = replace(in_sessions(2, speakers=3), given_columns=("words", "voiced_phonemes", "partner"))
    scheme = parse_scheme("speaker")
    assert describe_unused_columns(corpus, scheme) == ()
    assert describe_unused_columns(corpus, scheme, {"words"}) == (
        "corpus made-up has a column 'voiced_phonemes', which the labels of this study do not use; "
        "use --labels phonemes (LABELS=phonemes) for targets by it",
    )
    assert len(describe_unused_columns(corpus, scheme, ())) == 2


def test_the_same_samples_in_two_subsets_are_refused() -> None:
    corpus = paired(EMODB_PAIRS)
    names = [utterance.id for utterance in corpus.utterances]
    other = next(i for i, u in enumerate(corpus.utterances) if u.speaker == "09")
    doubled = replace(corpus, samples_sha256=(*names[:other], names[0], *names[other + 1 :]))
    with pytest.raises(FoldError, match=f"utterances {names[0]} .* and {names[other]} .* have the same samples"):
        speaker_folds(doubled, "partner")


def test_the_same_samples_within_one_part_are_no_leak() -> None:
    corpus = make_corpus(tuple("abcd"), {"a": "b", "b": "a", "c": "d", "d": "c"})
    own = [i for i, u in enumerate(corpus.utterances) if u.speaker == "a"]
    names = [utterance.id for utterance in corpus.utterances]
    names[own[1]] = names[own[0]]
    assert len(speaker_folds(replace(corpus, samples_sha256=tuple(names)), "partner")) == 4


@pytest.mark.parametrize("text", ["speakers", "groups", "groups:", "groups:x", "session:2", ""])
def test_an_unknown_scheme_names_the_valid_ones(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"groups:K|unknown folds"):
        parse_scheme(text)
