"""Options of IEMOCAP: dialogs and class set."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator

from ser.errors import unknown_value_message
from ser.frozen_model import FrozenModel

DialogPart = Literal["improvised", "scripted", "both"]

PAPER = "paper"
"""Name of the paper's class set."""

PAPER_CLASSES = "neutral,happiness+excitement,sadness,anger"
"""Paper's class set (section 3.1), spelt out."""

NAME_OF_CODE: Mapping[str, str] = {
    "ang": "anger",
    "hap": "happiness",
    "exc": "excitement",
    "neu": "neutral",
    "sad": "sadness",
    "fru": "frustration",
    "fea": "fear",
    "sur": "surprise",
    "dis": "disgust",
    "oth": "other",
}
"""Emotions by their code in EmoEvaluation files; `xxx`, where the raters did not agree, is no emotion."""

_CODE_OF_NAME = {name: code for code, name in NAME_OF_CODE.items()}


def parse_classes(text: str) -> dict[str, tuple[str, ...]]:
    """Parse a class set.

    Args:
        text: 'paper', or emotions with commas between classes and `+` between those that merge, by
            name or by code.

    Returns:
        The codes of each class, in the order given; a class is called after its first emotion.

    Raises:
        ValueError: An emotion is unknown or given twice, or there are fewer than two classes.

    Examples:
        >>> parse_classes("anger,happiness+excitement")
        {'anger': ('ang',), 'happiness': ('hap', 'exc')}
    """
    spelt_out = PAPER_CLASSES if text.strip() == PAPER else text
    classes: dict[str, tuple[str, ...]] = {}
    seen: set[str] = set()
    for group in spelt_out.split(","):
        codes: list[str] = []
        for emotion in (word.strip() for word in group.split("+")):
            code = _CODE_OF_NAME.get(emotion, emotion)
            if code not in NAME_OF_CODE:
                raise ValueError(unknown_value_message("emotion", emotion, [PAPER, *_CODE_OF_NAME]))
            if code in seen:
                raise ValueError(f"emotion '{emotion}' is given twice")
            seen.add(code)
            codes.append(code)
        classes[NAME_OF_CODE[codes[0]]] = tuple(codes)
    if len(classes) < 2:
        raise ValueError("expected two classes or more, such as neutral,anger")
    return classes


def _checked_classes(text: str) -> str:
    parse_classes(text)
    return text


class IemocapOptions(FrozenModel):
    """Options of IEMOCAP.

    Attributes:
        part: Dialogs: 'improvised', as in the paper, 'scripted' or 'both'.
        classes: The class set, as `parse_classes` reads it.
    """

    part: DialogPart = "improvised"
    classes: Annotated[str, AfterValidator(_checked_classes)] = PAPER


def part_of_dialog(dialog: str) -> DialogPart | None:
    """Return whether a dialog is improvised or scripted by its name; None if the name does not tell.

    Examples:
        >>> part_of_dialog("Ses05M_script01_1b")
        'scripted'
    """
    if "impro" in dialog:
        return "improvised"
    return "scripted" if "script" in dialog else None
