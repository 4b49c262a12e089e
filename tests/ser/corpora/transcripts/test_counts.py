from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from ser.corpora.corpus import Annotations, Utterance
from ser.corpora.transcripts import counts
from ser.corpora.transcripts.counts import add_transcript_counts, tokenize_words, voiced_phonemes_in
from ser.corpora.transcripts.g2p import to_phonemes
from ser.corpora.transcripts.phones import IPA, Voicing, ipa_phones
from ser.errors import CorpusError

needs_espeak = pytest.mark.skipif(find_spec("espeakng_loader") is None, reason="needs eSpeak NG")

# A pangram, and words that pass through every symbol that eSpeak NG wrote for tens of thousands of words.
WORDS = {
    "de": "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich hexadezimale Typografien ausweisbarer "
    "Schreibware Suchung George Jogurts fünftägig Workaholics Cuxhaven Isotropie Ölboykott Run hör eBay Wust Pferd "
    "Coats Apple Teints Chance Saisons logiert aneinander",
    "en": "The quick brown fox jumps over the lazy dog exuberantly approximated unqualified overeaten Hershel "
    "charioteer Jurua hawthorn thou shariah firewood Wehrmacht boy Wii Asia atelier Cthulhu Bologna Tolkien Provence "
    "denouement",
    "pl": "Pchnąć w tę łódź jeża lub ośm skrzyń fig brdysającemu powściągliwą rozgałęźnik piętrzeniach dźwięcz "
    "miażdżące rebirthingi editingami płetwiakiem hoaxie kochio AcroYogą hatchback terrierze ażiotażami gledicziami "
    "croissantem",
    "it": "Pranzo d'acqua fa volti sghembi comanderesti lusingherò perfezionavo sciacquassi battezzerai aggiungergli "
    "abbronzai aerei cigno addii accelera aggrappò GNU spie razzi alcool software hamiltoniana",
    "fr": "Portez ce vieux whisky au juge blond qui fume juxtaposiez ombelliforme hyacinthe revanchât jodle "
    "chewing-gum freesia xénarthre soignerait intervieweur valsons emprunteuses sir les dûs rôts boys bush moud curry "
    "jeûne stream mythifier apothicaires",
    "es": "El veloz murciélago hindú comía feliz cardillo y kiwi expurgación refringente guadañil diyambo euboica "
    "chai aullar bey apta razzia",
}
# Sounds that must be among them, or the list would not try what it claims to.
SOUNDS = {
    "de": "ç x ʏ œ øː yː ŋ pf ts ʒ ɔø ʊɐ ɛː ɑ̃ œ̃ n̩",
    "en": "ð θ æ ʌ ɚ ɑːɹ aɪɚ oʊ dʒ ʒ ɬ ɾ ʔ ᵻ nʲ",
    "pl": "tɕ dʑ ɕ ʑ ɲ ɲʲ ɨ ɔ̃ ɛ̃ w vʲ kʲ ɣ ʒʲ",
    "it": "ʎ ɲ dz dzː tsː tʃː ss ɡː ɾ r ʊ",
    "fr": "ʁ ɑ̃ ɔ̃ ɛ̃ œ̃ ə- y ø œ ɲ",
    "es": "β ð ɣ ʎ ʝ θ x r ɾ ɲ oɪ eʊ",
}


def utterance(name: str, **others: object) -> Utterance:
    return replace(Utterance(id=name, path=Path(f"{name}.wav"), speaker="s", emotion="joy"), **others)  # type: ignore[arg-type]


def annotations(utterances: Sequence[Utterance], language: str = "de") -> Annotations:
    return Annotations("any", Path(), ("joy",), tuple(utterances), {}, language, notes=("before",))


@pytest.mark.parametrize(
    ("transcript", "words"),
    [
        ("Der Lappen liegt auf dem Eisschrank.", 6),
        ("", 0),
        (" \n\t ", 0),
        ("[LAUGHTER] <noise> ...", 0),
        ("[BREATHING] I don't - know.", 3),
        ("Was?! Ja\u2014nein und/oder\u2026so", 6),
        ("l'homme aujourd\u2019hui", 2),
        ("Zażółć gęślą jaźń", 3),
        ("u\u0308ber fu\u0308nf", 2),
        ("12,5 km am 3. Mai", 5),
        ("вот и всё", 3),
        ("gut \U0001f600", 1),
        ("zwei\u00a0Wörter", 2),
        ("¿Qué? ¡Sí!", 2),
        ("[open bracket", 2),
    ],
)
def test_words_have_a_letter_or_a_digit(transcript: str, words: int) -> None:
    assert len(tokenize_words(transcript)) == words


@needs_espeak
@pytest.mark.parametrize("language", WORDS)
def test_every_symbol_of_six_languages_is_voiced_or_unvoiced(language: str) -> None:
    (symbols,) = to_phonemes([WORDS[language]], language)
    plain = {symbol.strip("ˈˌ") for symbol in symbols}
    assert set(SOUNDS[language].split()) <= plain
    phones = {phone for symbol in symbols for phone in ipa_phones(symbol)}
    assert {phone for phone in phones if IPA.voicing(phone) is Voicing.UNKNOWN} == set()
    assert {IPA.voicing(phone) for phone in phones - {"1"}} == {Voicing.VOICED, Voicing.UNVOICED}


def test_digits_of_tones_and_of_one_german_word_are_no_phones() -> None:
    assert IPA.voicing("1") is Voicing.NOT_A_PHONE
    assert IPA.voicing("5") is Voicing.NOT_A_PHONE


@needs_espeak
@pytest.mark.parametrize(
    ("language", "transcript", "voiced"),
    [
        ("de", "Ist das die Katze?", 7),  # ɪst das diː katsə
        ("en", "This is my shoe.", 7),  # ðɪs ɪz maɪ ʃuː
        ("pl", "Tak", 1),
        ("it", "Ciao", 2),
        ("fr", "Petit chat", 3),
        ("es", "Casa", 2),
    ],
)
def test_voiced_phonemes_are_those_of_a_pronouncing_dictionary(language: str, transcript: str, voiced: int) -> None:
    assert voiced_phonemes_in([transcript], language) == [voiced]


@needs_espeak
def test_remarks_and_loose_signs_are_not_pronounced() -> None:
    assert voiced_phonemes_in(["[LAUGHTER] Ja \U0001f600", "Ja", "[LAUGHTER]", ""], "de") == [2, 2, 0, 0]


@needs_espeak
def test_missing_counts_are_taken_from_transcripts() -> None:
    counted = add_transcript_counts(
        annotations(
            [
                utterance("both", transcript="Ja."),
                utterance("words", transcript="Ja.", words=7, words_source="labels"),
                utterance("voiced", transcript="Ja.", voiced_phonemes=9, voiced_phonemes_source="labels"),
                utterance("silent"),
                utterance("polish", transcript="Tak tak", language="pl"),
            ]
        )
    )
    assert [
        (u.id, u.words, u.words_source, u.voiced_phonemes, u.voiced_phonemes_source) for u in counted.utterances
    ] == [
        ("both", 1, "transcript", 2, "grapheme-to-phoneme"),
        ("words", 7, "labels", 2, "grapheme-to-phoneme"),
        ("voiced", 1, "transcript", 9, "labels"),
        ("silent", None, "unknown", None, "unknown"),
        ("polish", 2, "transcript", 2, "grapheme-to-phoneme"),
    ]
    assert counted.notes == ("before",)


def test_a_corpus_with_all_its_counts_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "to_phonemes", None)
    corpus = annotations([utterance("a", transcript="Ja.", words=7, voiced_phonemes=9), utterance("b")])
    assert add_transcript_counts(corpus) == corpus


def test_without_espeak_a_note_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ser.corpora.transcripts.g2p.is_installed", lambda: False)
    counted = add_transcript_counts(
        annotations([utterance("a", transcript="Ja."), utterance("b", transcript="Nein, ja.")])
    )
    assert [(u.words, u.voiced_phonemes, u.voiced_phonemes_source) for u in counted.utterances] == [
        (1, None, "unknown"),
        (2, None, "unknown"),
    ]
    assert len(counted.notes) == 2
    assert "the voiced phonemes of 2 utterances with a transcript (first: a) are unknown" in counted.notes[1]
    assert "pip install 'ser-studies[demo]'" in counted.notes[1]


@needs_espeak
def test_an_unknown_language_is_noted() -> None:
    counted = add_transcript_counts(
        annotations([utterance("a", transcript="x"), utterance("b", transcript="Ja", language="de")], "xx")
    )
    assert [(u.words, u.voiced_phonemes) for u in counted.utterances] == [(1, None), (1, 2)]
    assert len(counted.notes) == 2
    assert counted.notes[1].endswith("no phonemes of language 'xx': eSpeak NG has no voice 'xx'")
    undetermined = add_transcript_counts(annotations([utterance("a", transcript="x")], counts.UNDETERMINED))
    assert undetermined.notes[1].endswith("the language is not given; set it with option language")


def test_words_of_a_language_written_without_blanks_stay_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "to_phonemes", lambda texts, language: [("a",) for _ in texts])
    counted = add_transcript_counts(annotations([utterance("a", transcript="你好吗")], "zh"))
    assert (counted.utterances[0].words, counted.utterances[0].voiced_phonemes) == (None, 1)
    assert "the words of 1 utterances" in counted.notes[1]
    assert "language 'zh' is written without blanks between words" in counted.notes[1]


def test_an_unknown_symbol_makes_its_count_imputed(monkeypatch: pytest.MonkeyPatch) -> None:
    symbols = {"Ja": ("j", "a"), "Nein": ("n", "\u0180")}
    monkeypatch.setattr(counts, "to_phonemes", lambda texts, language: [symbols[text] for text in texts])
    with pytest.raises(CorpusError, match="symbol '\u0180' is not in the International Phonetic Alphabet"):
        voiced_phonemes_in(["Ja", "Nein"], "de")
    counted = add_transcript_counts(annotations([utterance("a", transcript="Ja"), utterance("b", transcript="Nein")]))
    assert [(u.voiced_phonemes, u.voiced_phonemes_source) for u in counted.utterances] == [
        (2, "grapheme-to-phoneme"),
        (4, "imputed"),
    ]
    assert "of 1 utterances with a transcript (first: b) are imputed from their number of letters: symbol" in str(
        counted.notes[1]
    )


def test_counts_stay_unknown_where_most_conversions_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    symbols: dict[str, tuple[str, ...] | None] = {"Ja": ("j", "a"), "Nein": None, "Doch": ("\u0180",)}
    monkeypatch.setattr(counts, "to_phonemes", lambda texts, language: [symbols[text] for text in texts])
    counted = add_transcript_counts(annotations([utterance(text, transcript=text) for text in symbols]))
    assert [u.voiced_phonemes for u in counted.utterances] == [2, None, None]
    assert "are unknown: eSpeak NG crashes on the transcript" in counted.notes[1]


@needs_espeak
@pytest.mark.parametrize(
    ("language", "number", "words"),
    [
        ("en", "25", "twenty five"),
        ("en", "1,000", "one thousand"),
        ("fr", "97", "quatre-vingt-dix-sept"),
        ("cs", "3", "tři"),
    ],
)
def test_numbers_are_counted_as_the_words_that_are_spoken(language: str, number: str, words: str) -> None:
    read = add_transcript_counts(
        annotations(
            [utterance("digits", transcript=f"a {number}"), utterance("words", transcript=f"a {words}")], language
        )
    )
    digits, spelled = read.utterances
    assert digits.words == spelled.words
    assert digits.voiced_phonemes == pytest.approx(spelled.voiced_phonemes, abs=1)
    assert read.notes == ("before",)


def test_a_number_is_one_word_where_nothing_can_speak_it() -> None:
    utterances = [
        utterance("a", transcript="25 Uhr", voiced_phonemes=3),
        utterance("b", transcript="Uhr", voiced_phonemes=1),
    ]
    read = add_transcript_counts(annotations(utterances, "und"))
    assert [utterance.words for utterance in read.utterances] == [2, 1]
    assert read.notes[1:] == (
        "the words of 1 utterances with a transcript (first: a) are counted with one word for each number: "
        "the language is not given; set it with option language",
    )
