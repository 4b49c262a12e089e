"""Tables of utterances with the numbers of the real releases (the paper's Tables 1 and 2), and their distractors."""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from random import Random

from ser.corpora.corpus import Annotations, Corpus

IEMOCAP_BY_SPEAKER = {
    "Ses01F": (119, 72, 43, 37),
    "Ses01M": (104, 60, 61, 25),
    "Ses02F": (90, 113, 63, 7),
    "Ses02M": (127, 78, 37, 15),
    "Ses03F": (95, 80, 108, 22),
    "Ses03M": (103, 69, 82, 68),
    "Ses04F": (51, 129, 41, 47),
    "Ses04M": (123, 66, 40, 37),
    "Ses05F": (151, 124, 73, 18),
    "Ses05M": (136, 156, 60, 13),
}
"""Utterances of neutral, happiness or excitement, sadness and anger in improvised dialogs."""

IEMOCAP_BY_SESSION = {
    "Ses01": (223, 132, 104, 62),
    "Ses02": (217, 191, 100, 22),
    "Ses03": (198, 149, 190, 90),
    "Ses04": (174, 195, 81, 84),
    "Ses05": (287, 280, 133, 31),
}

UNALIGNED = ("Ses03F_impro07_M030", "Ses03M_impro03_M001")
OTHER_EMOTIONS = ("fru", "fea", "sur", "dis", "oth", "xxx")
SCRIPTED = ("F_script01_1", "M_script01_1", "M_script01_1b", "M_script02_2")

FAU_AIBO = {"Ohm": (881, 2093, 5590, 674, 721), "Mont": (611, 1508, 5377, 215, 546)}
"""Chunks of A, E, N, P and R."""

OHM = [f"Ohm_{number:02d}" for number in range(1, 33) if number not in (9, 15, 17, 22, 26, 27)]
MONT = [f"Mont_{number:02d}" for number in range(1, 26)]


def write_table(path: Path, rows: Iterable[Mapping[str, object]]) -> Path:
    """Writes rows as CSV; a column that a row lacks stays empty."""
    listed = list(rows)
    columns = list(dict.fromkeys(chain.from_iterable(listed)))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(listed)
    return path


def iemocap_rows(duration_s: float = 0.1) -> list[dict[str, object]]:
    """IEMOCAP at full size: the paper's set, other emotions, scripted dialogs, turns without audio."""
    rows: list[dict[str, object]] = []
    for speaker, (neutral, happy, sad, angry) in IEMOCAP_BY_SPEAKER.items():
        codes = ["neu"] * neutral + ["hap"] * (happy // 3) + ["exc"] * (happy - happy // 3)
        codes += ["sad"] * sad + ["ang"] * angry
        Random(speaker).shuffle(codes)
        rows += _turns(speaker, _improvised(speaker[:5]), codes + 3 * list(OTHER_EMOTIONS), duration_s)
        rows += _turns(speaker, SCRIPTED, ["neu", "hap", "sad", "ang", "fru", "exc", "xxx"] * 4, duration_s)
        dialog = f"{speaker[:5]}{_improvised(speaker[:5])[0]}"
        rows.append({"id": f"{dialog}_{speaker[-1]}XX0", "label": "neu", "transcript": "never cut out"})
    for row in rows:
        row["aligned"] = "no" if row["id"] in UNALIGNED else "yes"
        if row["id"] in UNALIGNED:
            row["transcript"] = "Voilà, [LAUGHTER] déjà two - more."
    return rows


def _improvised(session: str) -> list[str]:
    if session == "Ses03":
        # Few dialogs with many turns each, so that an unaligned one reaches turn 30.
        return [
            "F_impro07",
            "M_impro03",
            "M_impro05a",
            "M_impro05b",
            "M_impro08a",
            "M_impro08b",
            "F_impro08",
            "F_impro01",
        ]
    return [f"{letter}_impro{number:02d}" for letter in "FM" for number in range(1, 8)]


def _turns(speaker: str, dialogs: Iterable[str], codes: list[str], duration_s: float) -> list[dict[str, object]]:
    listed = list(dialogs)
    turn_counts: Counter[str] = Counter()
    rows: list[dict[str, object]] = []
    for index, code in enumerate(codes):
        dialog = f"{speaker[:5]}{listed[index % len(listed)]}"
        rows.append({"id": f"{dialog}_{speaker[-1]}{turn_counts[dialog]:03d}", "label": code, "duration_s": duration_s})
        turn_counts[dialog] += 1
    return rows


def fau_aibo_rows(duration_s: float = 0.03) -> list[dict[str, object]]:
    """FAU-Aibo at full size; labels of two classes that do not follow from those of five."""
    rows: list[dict[str, object]] = []
    for school, speakers in (("Ohm", OHM), ("Mont", MONT)):
        codes = list(chain.from_iterable([code] * count for code, count in zip("AENPR", FAU_AIBO[school], strict=True)))
        Random(school).shuffle(codes)
        width = 3 if school == "Ohm" else 4
        for index, code in enumerate(codes):
            number = index // len(speakers)
            chunk = f"{speakers[index % len(speakers)]}_{number // 4:0{width}d}_{number % 4:02d}"
            two = "NEG" if index % 3 == 0 else "IDL"
            rows.append({"id": chunk, "label": code, "duration_s": duration_s, "label_2cl": two})
    return rows


def unheard(annotations: Annotations) -> Corpus:
    """The corpus as if its audio had been read, for what needs no audio."""
    return Corpus(
        name=annotations.corpus,
        root=annotations.root,
        emotions=annotations.emotions,
        utterances=annotations.utterances,
        durations_s=(1.0,) * len(annotations.utterances),
        samples_sha256=tuple(utterance.id for utterance in annotations.utterances),
        partners=annotations.partners,
        language=annotations.language,
        digest="0" * 32,
    )
