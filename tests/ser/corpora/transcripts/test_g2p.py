from importlib.util import find_spec

import pytest

from ser.corpora import espeak
from ser.corpora.transcripts import g2p
from ser.corpora.transcripts.counts import voiced_phonemes_in
from ser.corpora.transcripts.g2p import to_phonemes
from ser.errors import CorpusError

needs_espeak = pytest.mark.skipif(find_spec("espeakng_loader") is None, reason="needs eSpeak NG")


@needs_espeak
@pytest.mark.parametrize(
    ("language", "text", "phonemes"),
    [
        ("de", "Guten Tag", "ɡ ˈuː t ə n t ˈɑː k"),
        ("en", "my car", "m aɪ k ˈɑːɹ"),
        ("pl", "łódź", "w ˈu tɕ"),
        ("it", "acqua", "ˈa kː w a"),
        ("fr", "bonjour", "b ɔ̃ ʒ ˈu ʁ"),
        ("es", "cielo", "θ j ˈe l o"),
    ],
)
def test_words_become_phonemes_in_six_languages(language: str, text: str, phonemes: str) -> None:
    assert to_phonemes([text], language) == [tuple(phonemes.split())]


@needs_espeak
def test_all_clauses_and_lines_are_converted() -> None:
    one, both, none, control = to_phonemes(["Ja.", "Ja. Ja!\nJa?", " ... ", "Ja\x00, \x1bja"], "de")
    assert one == ("j", "ˈɑː")
    assert both == one * 3
    assert none == ()
    assert control == one * 2


@needs_espeak
def test_language_switches_leave_no_marks() -> None:
    (spoken,) = to_phonemes(["die Software"], "de")
    assert spoken[:2] == ("d", "iː")
    assert spoken[2:] == ("s", "ˈɒ", "f", "t", "w", "eə")


@needs_espeak
def test_the_same_texts_have_the_same_phonemes_in_any_order() -> None:
    texts = ["Guten Morgen", "Wie geht es?", "Der Computer streikt.", "Um 12 Uhr"]
    forward, backward = to_phonemes(texts, "de"), to_phonemes(texts[::-1], "de")
    assert forward == backward[::-1]


@needs_espeak
def test_an_unknown_language_is_named() -> None:
    with pytest.raises(CorpusError, match="no phonemes of language 'xx': eSpeak NG has no voice 'xx'"):
        to_phonemes(["a"], "xx")


SAMPLES = {
    "am": "ሰላም እንዴት ነህ ዛሬ ጥሩ ቀን ነው",
    "cs": "Příliš žluťoučký kůň úpěl ďábelské ódy, řeřicha, tři",
    "da": "Hvad hedder du, jeg bor i København, rødgrød med fløde",
    "eu": "Kaixo, zer moduz zaude gaur, etxea, ttantta, txakurra",
    "ga": "Dia duit, conas atá tú inniu, fear, bean, oíche",
    "gu": "તમે કેમ છો આજે સારો દિવસ છે",
    "is": "Halló, hvernig hefur þú það í dag, fjöll, hlaupa, hnífur, hrafn",
    "ja": "こんにちは げんき です か ありがとう",
    "kl": "Aluu qanoq ippit inuit nunaat",
    "ky": "Салам кандайсың бүгүн жакшы күн",
    "lb": "Moien, wéi geet et dir haut, ech schwätzen Lëtzebuergesch, zéng",
    "ml": "നമസ്കാരം സുഖമാണോ ഇന്ന് നല്ല ദിവസം",
    "no": "Hei, hvordan har du det i dag, kjøtt, skjære",
    "or": "ନମସ୍କାର ଆପଣ କେମିତି ଅଛନ୍ତି",
    "sd": "سلام توهان ڪيئن آهيو",
    "th": "สวัสดี ครับ คุณ สบายดี ไหม",
    "uz": "Salom qalaysiz bugun yaxshi kun",
    "vi": "Xin chào bạn có khỏe không, hôm nay trời đẹp quá",
    "zh": "你好 今天 天气 很好 我们 去 学校",
}


@needs_espeak
@pytest.mark.parametrize("language", SAMPLES)
def test_voiced_phonemes_are_counted_in_more_languages(language: str) -> None:
    # eSpeak NG crashes on many numbers in Greenlandic.
    numbers = [] if language == "kl" else [str(number) for number in range(20)]
    texts = SAMPLES[language].split() + numbers
    (sentence, *counts) = voiced_phonemes_in([SAMPLES[language], *texts], language)
    assert all(counts)
    assert sentence >= len(SAMPLES[language].split())


@needs_espeak
def test_unvoiced_variants_of_voiced_sounds_are_not_counted() -> None:
    assert voiced_phonemes_in(["tři", "dři"], "cs") == [1, 3]


def test_texts_after_a_crash_are_converted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(g2p, "is_installed", lambda: True)

    def run(voice: str, texts: list[str]) -> tuple[list[str], str]:
        return texts[: texts.index("crash")] if "crash" in texts else texts, ""

    monkeypatch.setattr(g2p, "_run_child", run)
    assert to_phonemes(["a", "crash", "b", "crash"], "kl") == [("a",), None, ("b",), None]
    with pytest.raises(CorpusError, match="no phonemes of language 'kl': eSpeak NG crashes on its texts"):
        to_phonemes(["crash"] * 30, "kl")


def test_without_espeak_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(g2p, "is_installed", lambda: False)
    with pytest.raises(CorpusError, match=r"needs eSpeak NG: pip install 'ser-studies\[demo\]'"):
        to_phonemes(["a"], "de")


def test_espeak_is_installed_where_its_package_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(espeak, "find_spec", lambda name: None)
    assert not espeak.is_installed()
