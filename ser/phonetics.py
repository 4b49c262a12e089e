"""Which phones are voiced, per phonetic alphabet.

The paper (section 3.1) repeats an emotion once per voiced phoneme of its utterance. A corpus's label
files write phones in an alphabet of their own; a new one is added as another `Alphabet`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from ser.errors import CorpusError


class Voicing(Enum):
    """What a symbol of a label file stands for."""

    VOICED = "voiced"
    UNVOICED = "unvoiced"
    NOT_A_PHONE = "not a phone"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Alphabet:
    """The symbols of one kind of label file.

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
        """Classifies a symbol; one that the alphabet does not have is `Voicing.UNKNOWN`."""
        if symbol in self.voiced:
            return Voicing.VOICED
        if symbol in self.unvoiced:
            return Voicing.UNVOICED
        return Voicing.NOT_A_PHONE if self.not_a_phone.fullmatch(symbol) else Voicing.UNKNOWN


def count_voiced(symbols: Iterable[str], alphabet: Alphabet) -> int:
    """Counts the voiced phones among the symbols of one utterance.

    Args:
        symbols: Symbols in the alphabet; pauses and noises may be among them.
        alphabet: Their alphabet.

    Returns:
        Number of voiced phones.

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

_LABLAUT_BASE = re.compile(r"[^\s+\-\[]*")


def lablaut_base(label: str) -> str:
    """The base symbol of an EmoDB label, without diacritics and stress.

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
