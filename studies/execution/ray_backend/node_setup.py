"""Preparation of a node before its first fold: precision, corpus and feature store as the study needs them."""

from collections.abc import Sequence
from pathlib import Path

import torch

from ser.corpora.loading import load_corpus
from ser.devices import name_of_device
from ser.errors import CorpusError, StudyError
from ser.features.builder import build_stores
from ser.features.store import check_store
from studies.execution.base import StudyRequirements
from studies.execution.precision_probe import runs_bf16


def prepare_node(requirements: StudyRequirements) -> str:
    """Make this node ready for folds, and build feature stores that are missing.

    Args:
        requirements: What it must have.

    Returns:
        Name of its processor or GPU.

    Raises:
        StudyError: Its precision or corpus is not the study's.
        FeatureStoreError: A store of it is damaged or cannot be built.
        CorpusError: It has neither a store nor the corpus.
    """
    name = name_of_device(requirements.device)
    if requirements.precision == "bf16" and not runs_bf16(torch.device(requirements.device)):
        raise StudyError(f"its processor, {name}, cannot train in bf16, the precision of this study")
    missing = [store for store in requirements.stores if not store.exists()]
    if missing:
        _build_stores(requirements, missing)
    for store in requirements.stores:
        digest = check_store(store).corpus_digest
        if digest != requirements.corpus.digest:
            raise StudyError(f"{store} holds a corpus with digest {digest}, expected {requirements.corpus.digest}")
    return name


def _build_stores(requirements: StudyRequirements, missing: Sequence[Path]) -> None:
    """Build stores from the node's own copy of the corpus, if that is the same corpus."""
    root = requirements.corpus.root
    try:
        corpus = load_corpus(requirements.loader, root, options=requirements.options)
    except CorpusError as error:
        raise StudyError(
            f"it has neither the feature store {missing[0]} nor the corpus to build it: {error}"
        ) from error
    if corpus.digest != requirements.corpus.digest:
        raise StudyError(f"corpus {root} has digest {corpus.digest} there, expected {requirements.corpus.digest}")
    build_stores(corpus, [requirements.stores[store] for store in missing], missing[0].parent)
