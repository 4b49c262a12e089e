"""Corpus of a study, read again from the folder that the study had it from."""

from collections.abc import Callable
from pathlib import Path

from ser.corpora.corpus import Corpus
from ser.corpora.loading import load_corpus
from ser.errors import StudyError
from studies.provenance import home_tag_name
from studies.search.summaries import StudySummary
from studies.storages.home import Home


def load_study_corpus(
    study: StudySummary, home: Home, progress: Callable[[int, int], None], root: Path | None = None
) -> Corpus:
    """Read the corpus of a study.

    Args:
        study: The study.
        home: The data directory.
        progress: Called with the number of audio files read and of all audio files.
        root: Folder of the corpus, where it has moved; None for the one that the latest start named.

    Raises:
        StudyError: The folder is unknown, or holds another corpus.
        CorpusError: The folder does not hold the corpus, or most of its audio cannot be read.
    """
    folder = root or _root(study, home)
    corpus = load_corpus(study.plan.corpus, folder, progress, study.plan.corpus_options)
    if study.location is None or corpus.digest != study.location.corpus_digest:
        raise StudyError(f"{folder}: study {study.name} was trained on another corpus; name its folder by --root")
    return corpus


def _root(study: StudySummary, home: Home) -> Path:
    """Folder of a study's corpus as its latest start named it."""
    if study.plan.corpus == "demo":
        return home.demo_corpus
    if study.start is None:
        raise StudyError(f"study {study.name} does not say where its corpus is; name it by --root FOLDER")
    return Path(study.start.root_of(home_tag_name(home.root)))
