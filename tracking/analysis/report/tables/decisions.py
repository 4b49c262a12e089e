"""Tables of single decisions: the hardest utterances, and the reliability of confidences."""

from collections.abc import Mapping, Sequence

import pandas as pd

from tracking.analysis.report.tables.rendering.model import Cell, Column, Table, text_cell
from tracking.analysis.report_context import UtteranceMap
from tracking.analysis.statistics.calibration import Calibration
from tracking.analysis.variants.decisions import Decisions, hardest_utterances

MAX_HARDEST = 8


def hardest_table(decisions: Sequence[Decisions], players: Mapping[str, str]) -> Table:
    """Make the table of the utterances that most rows decide wrong.

    Args:
        decisions: Decisions of the rows, all on the same utterances; none makes an empty table.
        players: Address of the audio of an utterance, where it is embedded, by its id.
    """
    hardest = hardest_utterances(decisions, MAX_HARDEST) if decisions else []
    return Table(
        "hardest",
        "Hardest utterances",
        "Wrong in most of these rows, then with the highest confidence (percent, behind each decision).",
        (
            Column("utterance", numeric=False),
            Column("speaker", numeric=False),
            Column("true", numeric=False),
            *(Column(row.label, numeric=False) for row in decisions),
        ),
        tuple(_utterance_cells(decisions, index, players) for index in hardest),
    )


def _utterance_cells(decisions: Sequence[Decisions], index: int, players: Mapping[str, str]) -> tuple[Cell, ...]:
    predictions = decisions[0].predictions
    emotions, utterance = predictions.corpus.emotions, predictions.utterances[index]
    cells = [
        Cell(utterance, utterance, audio=players.get(utterance, "")),
        text_cell(predictions.speakers[index]),
        text_cell(emotions[predictions.actual[index]]),
    ]
    for row in decisions:
        decided, confidence = row.usual_decision(index)
        right = decided == predictions.actual[index]
        cells.append(text_cell(f"{emotions[decided]} {100 * confidence:.0f}", bold=right))
    return tuple(cells)


def reliability_frame(calibrations: Mapping[str, Calibration]) -> pd.DataFrame:
    """Tabulate the bins of each row's confidences, one row per bin; shares are 0..1."""
    return pd.DataFrame(
        [
            {
                "variant": label,
                "confidence": confidence,
                "accuracy": accuracy,
                "decisions": count,
                "expected_calibration_error": calibration.expected_error,
            }
            for label, calibration in calibrations.items()
            for confidence, accuracy, count in zip(
                calibration.confidences.tolist(),
                calibration.accuracies.tolist(),
                calibration.counts.tolist(),
                strict=True,
            )
        ]
    )


def map_frame(utterance_map: UtteranceMap) -> pd.DataFrame:
    """Tabulate the coordinates of each utterance in the map."""
    return pd.DataFrame(
        {
            "utterance": utterance_map.utterances,
            "speaker": utterance_map.speakers,
            "emotion": utterance_map.emotions,
            "first_component": utterance_map.points[:, 0],
            "second_component": utterance_map.points[:, 1],
        }
    )
