"""Makes a synthetic corpus from a table."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Protocol

from ser.corpora.label_files import SYNTHETIC_MARKER
from ser.corpora.synthetic import fau_aibo_writer, iemocap_writer
from ser.corpora.synthetic.files import atomic_folder
from ser.corpora.synthetic.table import TableRow, read_table
from ser.corpora.synthetic.voices import VOICE_NAMES, Language, SynthesizedAudio, SyntheticUtterance, synthesize
from ser.errors import ConfigurationError, CorpusError, unknown_value_message


class Write(Protocol):
    """Writes the rows and their sounds in a layout."""

    def __call__(
        self,
        root: Path,
        rows: Sequence[TableRow],
        heard: Iterator[SynthesizedAudio],
        decoys: bool,
        progress: Callable[[], None],
    ) -> None:
        """Writes the folder."""


@dataclass(frozen=True)
class Layout:
    """How one corpus lies on disk.

    Attributes:
        columns: Columns that its table may have.
        language: What is said where the table gives no transcript.
        check: Refuses a row that the corpus could not have.
        order: Puts the rows in the order of writing.
        part_of: The utterance to be heard, or None for a row without audio.
        write: Writes the folder.
    """

    columns: tuple[str, ...]
    language: Language
    check: Callable[[TableRow, Path], None]
    order: Callable[[Sequence[TableRow]], list[TableRow]]
    part_of: Callable[[TableRow], SyntheticUtterance | None]
    write: Write


LAYOUTS: Mapping[str, Layout] = {
    "iemocap": Layout(
        iemocap_writer.COLUMNS,
        iemocap_writer.ENGLISH,
        iemocap_writer.check_row,
        iemocap_writer.order,
        iemocap_writer.part_of,
        iemocap_writer.write,
    ),
    "fau_aibo": Layout(
        fau_aibo_writer.COLUMNS,
        fau_aibo_writer.GERMAN,
        fau_aibo_writer.check_row,
        fau_aibo_writer.order,
        fau_aibo_writer.part_of,
        fau_aibo_writer.write,
    ),
}
"""Layouts by the name of their corpus."""


def write_synthetic_corpus(
    name: str,
    table: Path,
    root: Path,
    voice: str = "noise",
    seed: int = 0,
    decoys: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Writes a synthetic corpus in the layout of a real one.

    The same table, voice and seed give the same files. The folder appears whole or not at all, with a
    marker that tells its loader that nothing in it was recorded.

    Args:
        name: One of `LAYOUTS`.
        table: A CSV file with a row an utterance; see `ser.corpora.synthetic.table`.
        root: Folder to make; it must be new or empty.
        voice: 'noise', or 'demo' for speech by eSpeak NG.
        seed: Another seed gives other samples.
        decoys: Whether to add what misleads readers of the real release.
        progress: Called with the number of utterances written and of all utterances.

    Returns:
        The number of utterances written.

    Raises:
        ConfigurationError: There is no such layout or voice.
        CorpusError: The folder holds something, the table is wrong, or it cannot be spoken or written.
    """
    if name not in LAYOUTS:
        raise ConfigurationError(unknown_value_message("layout", name, LAYOUTS))
    if voice not in VOICE_NAMES:
        raise ConfigurationError(unknown_value_message("voice", voice, VOICE_NAMES))
    root = root.resolve()
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise CorpusError(f"{root}: is not an empty folder; name a new one for the synthetic corpus")
    layout = LAYOUTS[name]
    rows = layout.order(read_table(table, layout.columns))
    for row in rows:
        layout.check(row, table)
    parts = [part for row in rows if (part := layout.part_of(row)) is not None]
    written = count(1)

    def step() -> None:
        done = next(written)
        if progress is not None:
            progress(done, len(rows))

    heard = synthesize(voice, parts, layout.language, seed, table)
    marker = {"layout": name, "voice": voice, "seed": seed, "decoys": decoys, "utterances": len(rows)}
    try:
        with atomic_folder(root) as draft:
            layout.write(draft, rows, heard, decoys, step)
            (draft / SYNTHETIC_MARKER).write_text(json.dumps(marker, indent=1) + "\n", encoding="utf-8")
            draft.rename(root)
    except OSError as error:
        raise CorpusError(f"{root}: the synthetic corpus cannot be written: {error.strerror}") from error
    return len(rows)
