import pytest

from ser.corpora.transcripts.phones import CMU, IPA, LABLAUT, Alphabet, Voicing, count_voiced, ipa_phones, lablaut_base
from ser.errors import CorpusError


@pytest.mark.parametrize("alphabet", [LABLAUT, CMU, IPA])
def test_no_symbol_is_in_two_classes(alphabet: Alphabet) -> None:
    assert not alphabet.voiced & alphabet.unvoiced
    assert not [symbol for symbol in alphabet.voiced | alphabet.unvoiced if alphabet.not_a_phone.fullmatch(symbol)]


def test_the_alphabets_have_all_their_symbols() -> None:
    assert (len(LABLAUT.voiced), len(LABLAUT.unvoiced)) == (65, 15)
    assert (len(CMU.voiced), len(CMU.unvoiced)) == (38, 13)


@pytest.mark.parametrize(
    ("label", "base"),
    [("d+nas", "d"), ("g-sth", "g"), ("!b+na", "!b"), ("a\t\t2", "a"), ("-sth", ""), ("E6[x", "E6"), ("(gef", "(gef")],
)
def test_the_base_symbol_of_a_label_has_no_diacritics(label: str, base: str) -> None:
    assert lablaut_base(label) == base


@pytest.mark.parametrize("symbol", ["!t", "!", "tasp", "kasp", "(", "(gef", ".", "dsap", "gas", "hoe"])
def test_bursts_aspirations_and_pauses_are_no_phones(symbol: str) -> None:
    assert LABLAUT.voicing(symbol) is Voicing.NOT_A_PHONE


def test_a_stop_counts_once_at_its_closure() -> None:
    assert count_voiced(["d", "!d", "_b", "!b", "t", "!t", "tasp", "_t"], LABLAUT) == 2


def test_silences_and_noises_are_no_phones_in_cmu() -> None:
    assert count_voiced(["SIL", "+BREATH+", "HH", "AE", "PD", "++LAUGHTER++"], CMU) == 1


def test_an_unknown_symbol_is_an_error_not_an_unvoiced_phone() -> None:
    assert CMU.voicing("QQ") is Voicing.UNKNOWN
    with pytest.raises(CorpusError, match="symbol 'QQ' is not in the CMU"):
        count_voiced(["AE", "QQ"], CMU)


@pytest.mark.parametrize(
    ("symbol", "phones"),
    [
        ("a", "a"),
        ("ˈiː", "i"),
        ("ˌaʊ", "a"),
        ("ɔø", "ɔ"),
        ("ɑ̃", "ɑ"),
        ("n̩", "n"),
        ("vʲ", "v"),
        ("ə-", "ə"),
        ("tʃ", "t"),
        ("dʑ", "d"),
        ("ts", "t"),
        ("pf", "p"),
        ("ss", "s"),
        ("kː", "k"),
        ("ˈɑːɹ", "ɑɹ"),
        ("əl", "əl"),
        ("aɪə", "aə"),
        ("aɪɚ", "aɚ"),
        ("", ""),
    ],
)
def test_a_phoneme_in_ipa_is_one_phone_but_for_joined_vowels(symbol: str, phones: str) -> None:
    assert ipa_phones(symbol) == tuple(phones)


def test_voiced_phones_in_ipa_are_counted_once_each() -> None:
    # German 'Der Computer spricht' as eSpeak writes it: d ɛ ɾ, ɔ m j uː ɜ, ɾ ɪ are voiced.
    spoken = ["d", "ɛ", "ɾ", "k", "ɔ", "m", "p", "j", "ˈuː", "t", "ɜ", "ʃ", "p", "ɾ", "ˈɪ", "ç", "t"]
    assert count_voiced((phone for symbol in spoken for phone in ipa_phones(symbol)), IPA) == 10


@pytest.mark.parametrize(("symbol", "unknown"), [("ł", "ł"), ("l̥", "\u0325"), ("a&", "&"), ("tʃ!", "!")])
def test_what_the_phonetic_alphabet_lacks_is_refused_by_name(symbol: str, unknown: str) -> None:
    with pytest.raises(CorpusError, match=f"symbol '{unknown}' is not in the International Phonetic Alphabet"):
        count_voiced(ipa_phones(symbol), IPA)
