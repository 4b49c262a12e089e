"""A model's card says what its recordings are normalised by."""

from pathlib import Path
from typing import Any

import pytest

from studies.models.card import model_card
from tests.support.toy_models import write_model


@pytest.mark.parametrize(
    ("normalisation", "words"),
    [
        ("zscore_training", "statistics of the training speakers"),
        ("minmax_training", "range of the training speakers"),
        ("minmax_utterance", "range of the recording alone"),
        ("zscore_speaker", "all recordings of the speaker together"),
    ],
)
def test_card_names_the_statistics_of_the_normalisation(tmp_path: Path, normalisation: str, words: str) -> None:
    settings: dict[str, Any] = {"normalisation": normalisation}
    card = model_card(write_model(tmp_path / "model", settings=settings))
    assert f"| normalised by | UA | WA |\n|---|---:|---:|\n| {words} | 50.0% | 50.0% |\n" in card
