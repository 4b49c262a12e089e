"""Voicing of phones, per phonetic alphabet.

The paper (section 3.1) repeats an emotion once per voiced phoneme of its utterance. A corpus's label
files write phones in an alphabet of their own; a new one is added as another `Alphabet`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from ser.errors import CorpusError


class Voicing(Enum):
    """Kind of a symbol in a label file."""

    VOICED = "voiced"
    UNVOICED = "unvoiced"
    NOT_A_PHONE = "not a phone"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Alphabet:
    """Symbols of one kind of label file.

    Attributes:
        name: Readable name.
        voiced: Voiced phones.
        unvoiced: Unvoiced phones.
        not_a_phone: Whole-symbol pattern of pauses, bursts and noises.
    """

    name: str
    voiced: frozenset[str]
    unvoiced: frozenset[str]
    not_a_phone: re.Pattern[str]

    def voicing(self, symbol: str) -> Voicing:
        """Classify a symbol; one that the alphabet does not have is `Voicing.UNKNOWN`."""
        if symbol in self.voiced:
            return Voicing.VOICED
        if symbol in self.unvoiced:
            return Voicing.UNVOICED
        return Voicing.NOT_A_PHONE if self.not_a_phone.fullmatch(symbol) else Voicing.UNKNOWN


def count_voiced(symbols: Iterable[str], alphabet: Alphabet) -> int:
    """Count the voiced phones among the symbols of one utterance.

    Args:
        symbols: Symbols in the alphabet; pauses and noises may be among them.
        alphabet: Their alphabet.

    Raises:
        CorpusError: A symbol is not in the alphabet.

    Examples:
        >>> count_voiced(["SIL", "K", "AE", "T", "SIL"], CMU)
        1
    """
    count = 0
    for symbol in symbols:
        voicing = alphabet.voicing(symbol)
        if voicing is Voicing.UNKNOWN:
            raise CorpusError(f"symbol '{symbol}' is not in the {alphabet.name} alphabet")
        count += voicing is Voicing.VOICED
    return count


def _symbols(text: str) -> frozenset[str]:
    return frozenset(text.split())


# A stop stands here by its closure (`t`, `_t`). Its burst (`!t`), its aspiration (`tasp`) and the
# typing errors that stand for them are no phones of their own, or every stop would count twice.
LABLAUT = Alphabet(
    name="EmoDB lablaut",
    voiced=_symbols(
        "I i E e a A O o U u Y y 9 8 @ 6 "
        "aI aU OY aO AO AU ao OU i6 a6 E6 @6 I6 Y6 I@ e@ i@ ia @E @a @O "
        "m n N J l L r R 4 j v V B z Z b d g D G H mm nn NN vv _b _d _g"
    ),
    unvoiced=_symbols("p t k s ss f S x X C h ? _p _t _k"),
    not_a_phone=re.compile(r"!\S*|\S+asp|\(|\(gef|\.|dsap|gas|hoe"),
)

CMU = Alphabet(
    name="CMU (Sphinx)",
    voiced=_symbols(
        "AA AE AH AO AW AX AXN AXR AY B BD D DD DH DX EH ER EY G GD IH IX IY JH L M N NG OW OY R UH UW V W Y Z ZH"
    ),
    unvoiced=_symbols("CH F HH K KD P PD S SH T TD TH TS"),
    not_a_phone=re.compile(r"SIL|\+.+\+"),
)

_IPA_VOWELS = "iyɨʉɯuɪʏʊeøɘɵɤoəɛœɜɞʌɔæɐaɶɑɒᵻᵿ"
_IPA_RHOTIC_VOWELS = "ɚɝ"

# eSpeak NG 1.52 writes every word of large word lists of the six languages that the tests try in these
# letters and marks, save for digits: tones, and a stray one in German 'aneinander'.
IPA = Alphabet(
    name="International Phonetic Alphabet",
    voiced=frozenset(_IPA_VOWELS + _IPA_RHOTIC_VOWELS)
    | _symbols(
        "b d ɖ ɟ g ɡ ɢ m ɱ n ɳ ɲ ŋ ɴ ʙ r ʀ ⱱ ɾ ɽ β v ð z ʒ ʐ ʝ ɣ ʁ ʕ ɦ ɮ ʋ ɹ ɻ j ɰ l ɫ ɭ ʎ ʟ w ɥ ʑ ɺ ʢ ɓ ɗ ʄ ɠ ʛ ʣ ʤ ʥ"
    ),
    unvoiced=_symbols("p t ʈ c k q ʔ ɸ f θ s ʃ ʂ ç x χ ħ h ɬ ɕ ʍ ʜ ɧ ʡ ʦ ʧ ʨ"),
    not_a_phone=re.compile("[0-9]"),
)

# Stress, length, ties, and diacritics that do not change the voicing. A ring below (unvoiced) is not
# among them, so that it is refused rather than overheard.
_IPA_MARKS = re.compile("[ˈˌːˑʲʰʷˠᵝ\u0303\u0308\u0329\u032a\u032f\u031d\u031e\u033a\u033b\u0361\u035c`.:[-]")

# Letters of eSpeak's own alphabet that stay in its IPA of some languages (Irish, Kyrgyz, Uzbek, Danish, Japanese).
_ESPEAK_LETTERS = str.maketrans({"S": "ʃ", "Z": "ʒ", "N": "ŋ", "A": "ɑ", "X": "χ", "?": "ʔ", "ε": "ɛ", "ä": "a"})

# A ring above (Czech 'tři') or eSpeak's # (Icelandic 'hlaupa') makes a sound unvoiced.
_DEVOICED = re.compile("[^\\W\\d_](?:\u030a|#)")
_IPA_PHONE = re.compile(f"([{_IPA_VOWELS}])[{_IPA_VOWELS}]?|([td])[sʃʂɕzʒʐʑ]|(p)f|(.)\\4?", re.DOTALL)

_LABLAUT_BASE = re.compile(r"[^\s+\-\[]*")


def lablaut_base(label: str) -> str:
    """Extract the base symbol of an EmoDB label, without diacritics and stress.

    Args:
        label: What follows the colour field of a line, such as 'd+nas'.

    Returns:
        The base symbol; empty where the line only changes a diacritic and begins no segment.

    Examples:
        >>> lablaut_base("d+nas"), lablaut_base("-sth")
        ('d', '')
    """
    match = _LABLAUT_BASE.match(label)
    return match.group() if match else ""


def ipa_phones(symbol: str) -> tuple[str, ...]:
    """Split one phoneme symbol in IPA into phones, named by their first letter.

    A diphthong, an affricate and a doubled consonant are one phone. A vowel that a symbol joins with
    another sound is a phone of its own: the 'ɑɹ' of American 'car' is two, as in the CMU alphabet.

    Args:
        symbol: A phoneme as grapheme-to-phoneme conversion writes it, with stress and length marks.

    Returns:
        Letters of `IPA`; what is not in that alphabet is handed on, so that counting refuses it.

    Examples:
        >>> ipa_phones("ˈaʊ"), ipa_phones("dʒ"), ipa_phones("ɑːɹ"), ipa_phones("aɪɚ")
        (('a',), ('d',), ('ɑ', 'ɹ'), ('a', 'ɚ'))
    """
    plain = _DEVOICED.sub("h", _IPA_MARKS.sub("", symbol).translate(_ESPEAK_LETTERS))
    return tuple(next(filter(None, match.groups())) for match in _IPA_PHONE.finditer(plain))
