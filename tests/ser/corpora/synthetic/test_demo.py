import json
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import soundfile

from ser.corpora import espeak
from ser.corpora.audio import read_audio
from ser.corpora.espeak import SynthesisRequest, synthesize
from ser.corpora.iemocap.parsers import is_word, parse_alignment, parse_evaluation
from ser.corpora.loading import load_corpus
from ser.corpora.synthetic import demo, demo_alignment, demo_script
from ser.corpora.synthetic.demo import MARKER, load, make_demo
from ser.corpora.synthetic.demo_script import PlannedTurn, plan_turns
from ser.corpora.transcripts.phones import CMU, Voicing
from ser.errors import CorpusError
from tests.support.damaged_json import DAMAGED_JSON

needs_espeak = pytest.mark.usefixtures("demo_root")


def contents(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_plan_is_balanced_and_has_unique_ids() -> None:
    turns = plan_turns()
    assert len(turns) == len({turn.utterance for turn in turns}) == 200
    per_speaker = Counter((turn.speaker, turn.emotion) for turn in turns)
    assert set(per_speaker.values()) == {5}
    assert len(per_speaker) == 40
    sentences = Counter((turn.speaker, turn.request.text) for turn in turns)
    assert set(sentences.values()) == {1}


def test_the_plan_has_the_same_ids_texts_and_labels_everywhere() -> None:
    first = [(turn.utterance, turn.emotion, turn.request.text) for turn in plan_turns()[:3]]
    assert first == [
        ("Ses01F_impro01_F000", "neu", "Leave the bag here."),
        ("Ses01F_impro01_M000", "neu", "Tom brings the mail."),
        ("Ses01F_impro01_F001", "ang", "Put the box there."),
    ]


def test_no_sentence_is_tied_to_an_emotion() -> None:
    told = Counter(turn.request.text for turn in plan_turns())
    emotions = {text: {turn.emotion for turn in plan_turns() if turn.request.text == text} for text in told}
    assert min(len(found) for found in emotions.values()) >= 2


def test_overlap_moves_utterances_and_not_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    strayed = plan_turns()
    monkeypatch.setattr(demo_script, "OVERLAP", 0.0)
    clean = plan_turns()
    assert [turn.request.text for turn in clean] == [turn.request.text for turn in strayed]
    assert [turn.emotion for turn in clean] == [turn.emotion for turn in strayed]
    speaker = [turn.request for turn in clean if turn.speaker == "Ses01F" and turn.emotion == "sad"]
    assert len({(request.pitch, request.pitch_range, request.rate_wpm, request.volume) for request in speaker}) == 1
    assert sum(a.request != b.request for a, b in zip(clean, strayed, strict=True)) > 190


@needs_espeak
def test_two_makings_are_equal_byte_for_byte(demo_root: Path, tmp_path: Path) -> None:
    make_demo(tmp_path / "again")
    first, second = contents(demo_root), contents(tmp_path / "again")
    assert len(first) == 3 * 200 + 2 * 20 + 1
    assert [name for name in first if first[name] != second.get(name)] == []
    assert first.keys() == second.keys()
    assert [path.name for path in tmp_path.iterdir()] == ["again"]


def test_words_read_back_are_those_of_the_texts(demo_root: Path) -> None:
    planned = {turn.utterance: turn for turn in plan_turns()}
    annotations = load(demo_root)
    assert annotations.corpus == "demo"
    assert (annotations.skipped, annotations.notes) == ((), ())
    assert len(annotations.utterances) == 200
    names = {"neu": "neutral", "hap": "happiness", "sad": "sadness", "ang": "anger"}
    for utterance in annotations.utterances:
        turn = planned[utterance.id]
        assert utterance.transcript == turn.request.text
        assert utterance.words == len(turn.request.text.split())
        assert utterance.speaker == turn.speaker
        assert utterance.emotion == names[turn.emotion]
        assert (utterance.words_source, utterance.voiced_phonemes_source) == ("alignment", "alignment")
        assert utterance.voiced_phonemes is not None
        assert utterance.voiced_phonemes >= utterance.words


def test_alignments_cover_the_audio_frame_by_frame(demo_root: Path) -> None:
    alignments = sorted(demo_root.rglob("*.??seg"))
    assert len(alignments) == 400
    for path in alignments:
        rows = parse_alignment(path.read_text(encoding="latin-1"), path)
        wav = Path(str(path.with_suffix(".wav")).replace("ForcedAlignment", "wav"))
        assert rows[0].start_frame == 0
        assert [row.start_frame for row in rows[1:]] == [row.end_frame + 1 for row in rows[:-1]]
        assert rows[-1].end_frame + 1 == soundfile.info(wav).frames // 160


def test_words_are_aligned_to_what_is_spoken(demo_root: Path) -> None:
    spoken: list[float] = []
    silent: list[float] = []
    for utterance in load(demo_root).utterances:
        path = Path(str(utterance.path.with_suffix(".wdseg")).replace("wav/", "ForcedAlignment/"))
        rows = parse_alignment(path.read_text(encoding="latin-1"), path)
        words = [row.symbol.lower() for row in rows if is_word(row.symbol)]
        assert words == (utterance.transcript or "").lower().rstrip(".").split()
        power = read_audio(utterance.path) ** 2
        for row in rows:
            mean = float(power[160 * row.start_frame : 160 * (row.end_frame + 1)].mean())
            (spoken if is_word(row.symbol) else silent).append(mean)
    assert min(spoken) > 10 * sorted(silent)[len(silent) // 2]


def test_phones_are_known_and_begin_and_end_in_silence(demo_root: Path) -> None:
    for path in sorted(demo_root.rglob("*.phseg")):
        rows = parse_alignment(path.read_text(encoding="latin-1"), path)
        assert rows[0].symbol == rows[-1].symbol == "SIL"
        assert Voicing.UNKNOWN not in {CMU.voicing(row.symbol) for row in rows}


def test_phones_of_a_known_sentence(demo_root: Path) -> None:
    utterance = next(one for one in load(demo_root).utterances if one.transcript == "The train leaves soon.")
    path = Path(str(utterance.path.with_suffix(".phseg")).replace("wav/", "ForcedAlignment/"))
    lines = path.read_text(encoding="latin-1").splitlines()[2:-2]
    rows = [line.split()[3:] for line in lines]
    assert " ".join(row[0] for row in rows) == "DH AX T R EY N L IY V Z S UW N"
    assert " ".join(row[3] for row in rows) == "b e b i i e b i i e b i e"
    assert utterance.voiced_phonemes == 11


def test_turns_follow_each_other_in_the_evaluation_files(demo_root: Path) -> None:
    for path in demo_root.glob("Session*/dialog/EmoEvaluation/*.txt"):
        turns, faults = parse_evaluation(path.read_text(encoding="latin-1"), path)
        assert faults == ()
        assert [turn.utterance[-4] for turn in turns] == ["F", "M"] * 5
        for turn, following in pairwise(turns):
            assert turn.end_s < following.start_s
        for turn in turns:
            wav = path.parents[2] / "sentences" / "wav" / path.stem / f"{turn.utterance}.wav"
            assert turn.end_s - turn.start_s == pytest.approx(soundfile.info(wav).duration, abs=1e-3)


def test_one_percent_of_double_targets_is_capped_at_most(demo_root: Path) -> None:
    corpus = load_corpus("demo", demo_root)
    capped = 0
    for utterance, duration_s in zip(corpus.utterances, corpus.durations_s, strict=True):
        labels = 2 * (utterance.voiced_phonemes or 0)
        frames = (1 + round(16_000 * duration_s) // 160) // 2
        capped += 2 * labels - 1 > frames
    assert capped <= 2


@needs_espeak
def test_speech_that_is_too_fast_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hasty() -> tuple[PlannedTurn, ...]:
        return tuple(replace(turn, request=replace(turn.request, rate_wpm=230)) for turn in plan_turns()[:40])

    monkeypatch.setattr(demo, "plan_turns", hasty)
    with pytest.raises(CorpusError, match="would be spoken too fast"):
        make_demo(tmp_path / "demo")
    assert list(tmp_path.iterdir()) == []


def test_voices_differ_from_each_other_and_from_the_plain_one(demo_root: Path) -> None:
    assert demo_root.is_dir()
    text = "We saw the film last Monday."
    voices = ["en-us", *demo_script.VOICES.values()]
    spoken = synthesize([SynthesisRequest(text, voice, 145, 70, 50, 50) for voice in voices])
    assert len({speech.samples.tobytes() for speech in spoken}) == len(voices) == 11
    assert [letter[-1] for letter in demo_script.VOICES] == ["F", "M"] * 5


@needs_espeak
def test_an_unknown_voice_is_refused() -> None:
    with pytest.raises(CorpusError, match=r"^the demo corpus cannot be spoken: eSpeak NG has no voice .* 'nobody'$"):
        synthesize([SynthesisRequest("Hello.", "en-us+nobody", 145, 70, 50, 50)])


@needs_espeak
def test_joined_words_and_foreign_phonemes_are_refused() -> None:
    joined, foreign = synthesize(
        [
            SynthesisRequest("Put it on the table.", "en-us", 145, 70, 50, 50),
            SynthesisRequest("Straße über", "de", 145, 70, 50, 50),
        ]
    )
    turn = plan_turns()[0]
    with pytest.raises(CorpusError, match=r"eSpeak NG joined words of 'Put it on the table\.'"):
        demo_alignment.spoken_turn(
            replace(turn, request=replace(turn.request, text="Put it on the table.")), joined, 0, 0.0
        )
    with pytest.raises(CorpusError, match="has no CMU phone"):
        demo_alignment.spoken_turn(replace(turn, request=replace(turn.request, text="Straße über")), foreign, 0, 0.0)


@needs_espeak
def test_progress_counts_every_utterance() -> None:
    seen: list[tuple[int, int]] = []
    requests = [turn.request for turn in plan_turns()[:3]]
    synthesize(requests, lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_an_intact_corpus_is_left_alone(demo_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path: path.stat().st_mtime_ns for path in demo_root.rglob("*")}

    def refuse(*_: object) -> None:
        raise AssertionError("it should not be spoken again")

    monkeypatch.setattr(demo, "synthesize", refuse)
    make_demo(demo_root)
    assert {path: path.stat().st_mtime_ns for path in demo_root.rglob("*")} == before


def test_a_folder_with_something_else_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(CorpusError, match=r"is not empty and has no demo\.json"):
        make_demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("mine")
    with pytest.raises(CorpusError, match="demo: is not a folder"):
        make_demo(tmp_path / "demo")


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        (b"{}", "expected the marker of a demo corpus"),
        *((content, "expected the marker of a demo corpus") for content in DAMAGED_JSON.values()),
        (b'{"settings": "other", "files": {}}', "holds a demo corpus of other settings"),
    ],
)
def test_another_marker_is_refused(tmp_path: Path, marker: bytes, message: str) -> None:
    (tmp_path / MARKER).write_bytes(marker)
    with pytest.raises(CorpusError, match=message):
        make_demo(tmp_path)


def test_a_damaged_corpus_is_named_with_its_first_file(demo_root: Path, tmp_path: Path) -> None:
    root = tmp_path / "demo"
    shutil.copytree(demo_root, root)
    names = sorted(json.loads((root / MARKER).read_text())["files"])
    (root / names[3]).unlink()
    (root / names[7]).write_text("changed")
    with pytest.raises(CorpusError, match=rf"2 files of the demo corpus are missing or changed \(first: {names[3]}\)"):
        make_demo(root)


def test_without_espeak_the_message_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(espeak, "find_spec", lambda name: None)
    with pytest.raises(CorpusError, match=r"pip install 'ser-studies\[demo\]'"):
        make_demo(tmp_path / "demo")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, demo_root: Path) -> None:
    (tmp_path / "file").touch()
    assert demo_root.is_dir()
    with pytest.raises(CorpusError, match=r"file/demo: the demo corpus cannot be written"):
        make_demo(tmp_path / "file" / "demo")


def test_an_iemocap_tree_without_marker_is_not_the_demo(demo_root: Path, tmp_path: Path) -> None:
    shutil.copytree(demo_root / "Session1", tmp_path / "Session1")
    with pytest.raises(CorpusError, match=r"has no demo\.json, so it is not the demo corpus"):
        load(tmp_path)


def test_making_the_corpus_loads_no_library_in_the_caller() -> None:
    code = (
        "import sys, ser.corpora.synthetic.demo as d; "
        "d.synthesize([turn.request for turn in d.plan_turns()[:1]]); "
        "print('espeakng_loader' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
