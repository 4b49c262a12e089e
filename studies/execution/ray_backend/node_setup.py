"""What runs on a node of a cluster before its first fold: it makes sure that the node has what the study needs."""

import torch

from ser.corpora.loading import load_corpus
from ser.devices import name_of_device
from ser.errors import CorpusError, StudyError
from ser.features.builder import build_store_if_missing
from ser.features.store import FeatureStore
from studies.execution.base import StudyRequirements
from studies.execution.bf16_probe import runs_bf16


def prepare_node(needs: StudyRequirements) -> str:
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


def _build_store(needs: StudyRequirements) -> None:
    """Builds the store from the node's own copy of the corpus, once that is known to be the same corpus."""
    root = needs.corpus.root
    try:
        here = load_corpus(needs.loader, root, options=needs.options)
    except CorpusError as error:
        raise StudyError(
            f"it has neither the feature store {needs.store} nor the corpus to build it: {error}"
        ) from error
    if here.digest != needs.corpus.digest:
        raise StudyError(f"corpus {root} has digest {here.digest} there, expected {needs.corpus.digest}")
    build_store_if_missing(here, needs.features, needs.store.parent)
