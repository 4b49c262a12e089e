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


def test_card_says_what_its_recalls_were_measured_with(tmp_path: Path) -> None:
    settings, recalls = {"normalisation": "zscore_speaker"}, (0.6, 0.4)
    for number, expected, title in (
        (1, {"speaker": 0.5, "stranger": 0.3}, "recall, all recordings of the speaker together"),
        (2, {"speaker": 0.5}, "recall"),
    ):
        description = write_model(
            tmp_path / f"model{number}",
            settings=settings,
            expected_ua=expected,
            expected_wa=expected,
            expected_recalls=recalls,
        )
        assert f"| emotion | {title} |\n|---|---:|\n| anger | 60.0% |\n" in model_card(description)
