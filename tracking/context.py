"""Facts that all runs of a study share."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ser.corpora.corpus import Corpus
from ser.results import CorpusIdentity, Fold


@dataclass(frozen=True)
class StudyContext:
    """Facts that all runs of a study share.

    Attributes:
        study: Name of the study.
        recipe: Name of its recipe.
        corpus: Name and digest of the corpus.
        loaded_corpus: The corpus, or None for a check, which has only its name.
        scheme: All folds, in order.
        tags: Further tags, such as versions and the git commit.
        options: The study's options, logged as parameters of its run.
        home_tags: Tags of the study's run that differ between the homes that run it.
    """

    study: str
    recipe: str
    corpus: CorpusIdentity
    loaded_corpus: Corpus | None
    scheme: tuple[Fold, ...]
    tags: Mapping[str, str]
    options: Mapping[str, str]
    home_tags: Mapping[str, str] = field(default_factory=dict)
