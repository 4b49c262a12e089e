import pytest

from ser.errors import CorpusError
from ser.phonetics import CMU, LABLAUT, Alphabet, Voicing, count_voiced, lablaut_base


@pytest.mark.parametrize("alphabet", [LABLAUT, CMU])
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
def test_bursts_aspirations_pauses_and_typing_errors_are_no_phones(symbol: str) -> None:
    assert LABLAUT.voicing(symbol) is Voicing.NOT_A_PHONE


def test_a_stop_counts_once_at_its_closure() -> None:
    assert count_voiced(["d", "!d", "_b", "!b", "t", "!t", "tasp", "_t"], LABLAUT) == 2


def test_silences_and_noises_are_no_phones_in_cmu() -> None:
    assert count_voiced(["SIL", "+BREATH+", "HH", "AE", "PD", "++LAUGHTER++"], CMU) == 1


def test_an_unknown_symbol_is_an_error_not_an_unvoiced_phone() -> None:
    assert CMU.voicing("QQ") is Voicing.UNKNOWN
    with pytest.raises(CorpusError, match="symbol 'QQ' is not in the CMU"):
        count_voiced(["AE", "QQ"], CMU)
