"""Folders of models whose networks have random weights, of two emotions."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ser.feature_settings import LogMelSettings
from ser.features.frontends.base import FrontEndChoice
from ser.features.normalization import AffineNormalization
from ser.inference.description import FORMAT, Member, ModelDescription
from ser.inference.model_folder import pack_weights, write_folder
from ser.model.network import SpeechEmotionNetwork
from ser.results import CorpusIdentity
from studies.models.card import model_card
from tests.support.toy_corpus import MEL, small

TOY_CORPUS = CorpusIdentity(name="made-up", digest="0", emotions=("anger", "sadness"))
LOG_MEL = FrontEndChoice(settings=LogMelSettings(mel_bands=MEL))
MEMBER = Member(identity="0", fold="f1", seed=1, test_speakers=("f1",))


def write_model(
    folder: Path,
    choice: FrontEndChoice = LOG_MEL,
    settings: dict[str, Any] | None = None,
    encoder: Sequence[Path] = (),
    members: tuple[Member, ...] = (MEMBER,),
    **changes: Any,
) -> ModelDescription:
    """Writes a model of one network a member; `settings` change their configuration, `changes` the description."""
    configuration = small(
        features=choice.settings, labels="utterance", **({"normalisation": "zscore_training"} | (settings or {}))
    )
    corpus = changes.get("corpus", TOY_CORPUS)
    width = choice.settings.width
    generator = np.random.default_rng(1)
    packed = []
    for seed, _ in enumerate(members):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = SpeechEmotionNetwork(configuration, len(corpus.emotions))
            for parameter in network.parameters():
                # Larger than a fresh network's, so that its decisions differ from a guess.
                parameter.data.mul_(3)
        shift = generator.uniform(-6, -4, (1, width)).astype(np.float32)
        scale = generator.uniform(0.5, 1, (1, width)).astype(np.float32)
        clip = configuration.normalisation.startswith("minmax")
        packed.append((network.state_dict(), AffineNormalization(shift, scale, clip)))
    weights = pack_weights(packed)
    values: dict[str, Any] = {
        "format": FORMAT,
        "name": "made-up-none-utterance",
        "study": "first",
        "variant": "none · utterance",
        "corpus": corpus,
        "configuration": configuration,
        "front_end": choice,
        "members": members,
        "expected_ua": {"speaker": 0.5},
        "expected_wa": {"speaker": 0.5},
        "utterances": 4,
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "versions": {},
        "bundled": bool(encoder),
    }
    description = ModelDescription.model_validate(values | changes)
    write_folder(folder, description, weights, model_card(description), encoder)
    return description
