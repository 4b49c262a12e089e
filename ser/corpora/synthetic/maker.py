"""Synthetic corpora from tables."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Protocol

from ser.corpora.label_files import SYNTHETIC_MARKER
from ser.corpora.synthetic import fau_aibo_writer, iemocap_writer
from ser.corpora.synthetic.files import atomic_folder
from ser.corpora.synthetic.table import TableRow, read_table
from ser.corpora.synthetic.voices import VOICE_NAMES, Language, SynthesizedAudio, SyntheticUtterance, synthesize
from ser.errors import ConfigurationError, CorpusError, unknown_value_message


class Layout(Protocol):
    """Layout of a corpus on disk, as a module.

    Attributes:
        COLUMNS: Columns that its table may have.
        LANGUAGE: Language and default sentences.
    """

    COLUMNS: tuple[str, ...]
    LANGUAGE: Language

    def check_row(self, row: TableRow, table: Path) -> None:
        """Refuse a row that the corpus could not have.

        Raises:
            AnnotationError: The text names the line.
        """

    def order(self, rows: Sequence[TableRow]) -> list[TableRow]:
        """Put the rows in the order of writing."""

    def to_utterance(self, row: TableRow) -> SyntheticUtterance | None:
        """Make the synthetic utterance of a row; None for one without audio."""

    def write(
        self,
        root: Path,
        rows: Sequence[TableRow],
        recordings: Iterator[SynthesizedAudio],
        distractors: bool,
        progress: Callable[[], None],
    ) -> None:
        """Write the folder.

        Args:
            root: The folder.
            rows: The rows, in the order of `order`.
            recordings: The audio of rows that have any.
            distractors: Whether to add oddities of the real release.
            progress: Called after each row.
        """


LAYOUTS: Mapping[str, Layout] = {"iemocap": iemocap_writer, "fau_aibo": fau_aibo_writer}
"""Layouts by the name of their corpus."""


def write_synthetic_corpus(
    name: str,
    table: Path,
    root: Path,
    voice: str = "noise",
    seed: int = 0,
    distractors: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write a synthetic corpus in the layout of a real one.

    The same table, voice and seed give the same files. The folder appears whole or not at all, with a
    marker that tells its loader that nothing in it was recorded.

    Args:
        name: One of `LAYOUTS`.
        table: A CSV file with one row per utterance; see `ser.corpora.synthetic.table`.
        root: Folder to make; it must be new or empty.
        voice: 'noise', or 'demo' for speech by eSpeak NG.
        seed: Another seed gives other samples.
        distractors: Whether to add oddities of the real release that mislead readers.
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
    rows = layout.order(read_table(table, layout.COLUMNS))
    for row in rows:
        layout.check_row(row, table)
    utterances = [utterance for row in rows if (utterance := layout.to_utterance(row)) is not None]
    row_numbers = count(1)

    def step() -> None:
        number = next(row_numbers)
        if progress is not None:
            progress(number, len(rows))

    recordings = synthesize(voice, utterances, layout.LANGUAGE, seed, table)
    marker = {"layout": name, "voice": voice, "seed": seed, "decoys": distractors, "utterances": len(rows)}
    try:
        with atomic_folder(root) as draft:
            layout.write(draft, rows, recordings, distractors, step)
            (draft / SYNTHETIC_MARKER).write_text(json.dumps(marker, indent=1) + "\n", encoding="utf-8")
            draft.rename(root)
    except OSError as error:
        raise CorpusError(f"{root}: the synthetic corpus cannot be written: {error.strerror}") from error
    return len(rows)
