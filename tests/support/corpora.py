"""Writers of tiny corpora: layouts of the real ones, manifests and audformat databases."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

if TYPE_CHECKING:
    import audformat

LABLAUT_HEADER = "signal x\ntype 0\ncolor 125\nseparator ;\nnfields 1\n#\n"


def write_wav(path: Path, seconds: float = 0.5, seed: int = 0, rate_hz: int = 16_000) -> Path:
    """Writes quiet noise; another seed is another recording."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * rate_hz))
    soundfile.write(path, sound, rate_hz, subtype="PCM_16")
    return path


def write_text(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("latin-1"))
    return path


def lablaut(*labels: str) -> str:
    """A phonetic label file with a segment or a diacritic change per label, and the end mark."""
    rows = [f"    {index / 10:f}   -1 {label}" for index, label in enumerate([*labels, "."])]
    return LABLAUT_HEADER + "\n".join(rows) + "\n"


def write_emodb(root: Path, stems: Sequence[str]) -> Path:
    """Utterances of half a second with three voiced phonemes each."""
    for seed, stem in enumerate(stems):
        write_wav(root / "wav" / f"{stem}.wav", seed=seed)
        write_text(root / "lablaut" / f"{stem}xx.lablaut", lablaut("d", "!d", "a", "s", "m"))
    return root


def alignment(kind: str, *symbols: str) -> str:
    """A forced alignment with ten frames a symbol; `kind` is the header's last column."""
    rows = [f"\t{10 * index:5d}\t{10 * index + 9:5d}\t   -1234\t{symbol}" for index, symbol in enumerate(symbols)]
    return "\n".join([f"\t SFrm\t EFrm\t SegAScr {kind}", *rows, "Total score:   -98765", ""])


def evaluation(*turns: tuple[str, str]) -> str:
    """An EmoEvaluation file with a block, raters included, per (utterance, emotion code)."""
    blocks = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n"]
    for index, (utterance, code) in enumerate(turns):
        blocks.append(
            f"[{index}.2500 - {index}.7500]\t{utterance}\t{code}\t[2.5000, 2.5000, 2.5000]\n"
            "C-E2:\tNeutral;\t()\nC-F1:\tAnger; Neutral;\t(calm)\nA-E3:\tval 3; act 2; dom  2;\t()\n"
        )
    return "\n".join(blocks)


def write_iemocap_dialog(root: Path, dialog: str, turns: Sequence[tuple[str, str]]) -> Path:
    """A dialog with turns (utterance, emotion code), each of two words and three voiced phonemes."""
    session = root / f"Session{int(dialog[3:5])}"
    write_text(session / "dialog" / "EmoEvaluation" / f"{dialog}.txt", evaluation(*turns))
    lines = [f"{utterance} [000.2500-000.7500]: Good day." for utterance, _ in turns]
    write_text(session / "dialog" / "transcriptions" / f"{dialog}.txt", "\n".join(lines) + "\n")
    for index, (utterance, _) in enumerate(turns):
        seed = sum(map(ord, utterance)) + 1000 * index
        write_wav(session / "sentences" / "wav" / dialog / f"{utterance}.wav", seed=seed)
        folder = session / "sentences" / "ForcedAlignment" / dialog
        write_text(folder / f"{utterance}.wdseg", alignment("Word", "<s>", "GOOD", "<sil>", "DAY(2)", "</s>"))
        phones = ("SIL", "G SIL UH b", "UH G DD i", "SIL", "T SIL EY b", "EY T SIL e", "SIL")
        write_text(folder / f"{utterance}.phseg", alignment("Phone", *phones))
    return root


def write_fau_aibo(root: Path, chunks: Mapping[str, str]) -> Path:
    """Chunks with a label of the five classes each, of three words; the segmentation has a pause for each."""
    labels = "".join(f"{chunk} {label} 0.625\n" for chunk, label in chunks.items())
    write_text(root / "labels" / "IS2009EmotionChallenge" / "chunk_labels_5cl_corpus.txt", labels)
    spoken = "".join(f"{chunk} geh nach links, \n" for chunk in chunks)
    write_text(root / "transliteration" / "transliteration.txt", spoken)
    rows = [
        f"{chunk}_{index:02d} {word} {10 * index} {10 * index + 9}\n"
        for chunk in chunks
        for index, word in enumerate(("geh", "nach", "links", "."))
    ]
    write_text(root / "segmentation" / "segmentation.txt", "".join(rows))
    for seed, chunk in enumerate(chunks):
        write_wav(root / "wav" / f"{chunk}.wav", seed=seed)
    return root


def write_manifest(root: Path, rows: Sequence[Mapping[str, object]], name: str = "manifest.csv") -> Path:
    """A manifest with the columns of its first row; a row's audio is made where it does not exist."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    for seed, row in enumerate(rows):
        if not (path := root / str(row["path"])).exists():
            write_wav(path, seed=seed)
    return root


def make_database(
    tables: Mapping[str, Sequence[Mapping[str, object]]],
    labels: Mapping[str, object] | None = None,
    split_of: Mapping[str, str] | None = None,
    language: str = "deu",
) -> "audformat.Database":
    """A database in memory: tables of rows with `path`, perhaps `start` and `end` in seconds, and columns.

    A column has a scheme of its name; `labels` are those of some schemes. `split_of` assigns tables to subsets.
    """
    import audformat

    database = audformat.Database("made-up", languages=[language])
    for table, rows in tables.items():
        files = [str(row["path"]) for row in rows]
        index = audformat.filewise_index(files)
        if "start" in rows[0]:
            times = [[f"{row[key]}s" if row.get(key) is not None else None for row in rows] for key in ("start", "end")]
            index = audformat.segmented_index(files, *times)
        if split := (split_of or {}).get(table):
            database.splits[split] = audformat.Split(split)
        database[table] = audformat.Table(index, split_id=split)
        for column in rows[0]:
            if column not in ("path", "start", "end"):
                values = [row[column] for row in rows]
                if column not in database.schemes:
                    dtype = "int" if all(isinstance(value, int) for value in values) else "str"
                    scheme_labels = (labels or {}).get(column)
                    database.schemes[column] = audformat.Scheme(None if scheme_labels else dtype, labels=scheme_labels)
                database[table][column] = audformat.Column(scheme_id=column)
                database[table][column].set(values)
    return database


def write_database(root: Path, rows: Sequence[Mapping[str, object]], storage_format: str = "csv") -> Path:
    """A database with the table `utterances`; a row's audio is made where it does not exist."""
    make_database({"utterances": rows}).save(str(root), storage_format=storage_format, update_other_formats=False)
    for seed, row in enumerate(rows):
        if not (path := root / str(row["path"])).exists():
            write_wav(path, seed=seed)
    return root
