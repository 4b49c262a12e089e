"""What runs on a node of a cluster before its first fold: it makes sure that the node has what the study needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from ser.config import FeatureSettings, Precision
from ser.corpora.corpus import Corpus
from ser.corpora.loading import open_corpus
from ser.devices import device_name
from ser.errors import CorpusError, StudyError
from ser.features.builder import ensure_store
from ser.features.store import FeatureStore
from studies.execution.bf16_probe import runs_bf16


@dataclass(frozen=True)
class NodeNeeds:
    """What a node must have.

    Attributes:
        corpus: The corpus as the coordinator read it.
        loader: How it is read, as in the registry; a manifest's corpus may have another name.
        options: Options of the corpus as text, by name.
        features: Settings of the log-mels.
        store: Path of the feature store, the same on every node.
        precision: Arithmetic of the study.
        device: Where folds are computed, 'cpu' or 'cuda'.
    """

    corpus: Corpus
    loader: str
    options: Mapping[str, str]
    features: FeatureSettings
    store: Path
    precision: Precision
    device: str


def name_of_device(device: str) -> str:
    """The name of this node's processor or card.

    Args:
        device: 'cpu' or 'cuda'.

    Raises:
        StudyError: Ray was told of cards that torch cannot use.
    """
    if device != "cpu" and not torch.cuda.is_available():
        raise StudyError(f"torch {torch.__version__} sees no graphics card, though Ray has been told of one")
    return device_name(device)


def prepare_node(needs: NodeNeeds) -> str:
    """Makes this node ready for folds; its feature store is built where there is none.

    Args:
        needs: What it must have.

    Returns:
        The name of its processor or card.

    Raises:
        StudyError: Arithmetic or corpus are not what the study needs.
        FeatureStoreError: Its store is damaged or cannot be built.
        CorpusError: It has neither the store nor the corpus.
    """
    name = name_of_device(needs.device)
    if needs.precision == "bf16" and not runs_bf16(torch.device(needs.device)):
        raise StudyError(f"its processor, {name}, cannot train in bf16, which this study began with")
    if not needs.store.exists():
        _build_store(needs)
    digest = FeatureStore.open(needs.store).corpus_digest
    if digest != needs.corpus.digest:
        raise StudyError(f"{needs.store} holds a corpus with digest {digest}, expected {needs.corpus.digest}")
    return name


def _build_store(needs: NodeNeeds) -> None:
    """Builds the store from the node's own copy of the corpus, once that is known to be the same corpus."""
    root = needs.corpus.root
    try:
        here = open_corpus(needs.loader, root, options=needs.options)
    except CorpusError as error:
        raise StudyError(
            f"it has neither the feature store {needs.store} nor the corpus to build it: {error}"
        ) from error
    if here.digest != needs.corpus.digest:
        raise StudyError(f"corpus {root} has digest {here.digest} there, expected {needs.corpus.digest}")
    ensure_store(here, needs.features, needs.store.parent)
