"""What to expect of a model, in words."""

from collections.abc import Mapping
from statistics import fmean

from ser.inference.description import SITUATIONS, ModelDescription, Situation

WORTH_A_WARNING = 0.05
"""Loss of UA, as a share of 1, above which a prediction warns."""


def expectation_lines(description: ModelDescription) -> list[str]:
    """Say what UA to expect of a model in each situation, one line each."""
    return [
        f"expected UA {100 * ua:.1f}% on unheard speakers of corpus {description.corpus.name}: "
        f"{SITUATIONS[situation] if len(description.expected_ua) > 1 else 'whoever speaks'}"
        for situation, ua in description.expected_ua.items()
    ]


def describe_situation(description: ModelDescription, situation: Situation) -> tuple[str, bool]:
    """Say once what a model knows of the speakers it hears.

    Returns:
        One line, and whether UA is expected to be lower by more than `WORTH_A_WARNING` than with all recordings of a
        speaker.
    """
    best = description.expected_ua["speaker"]
    expected = description.expected_ua.get(situation, best)
    known = f"{'speakers by folder' if situation == 'speaker' else 'no speaker known'}, {SITUATIONS[situation]}"
    if len(description.expected_ua) == 1:
        known = "the model needs to know nothing of the speaker"
    line = f"{known}; expected UA {100 * expected:.1f}% on unheard speakers of corpus {description.corpus.name}"
    return line, best - expected > WORTH_A_WARNING


def warn_of_few_recordings(description: ModelDescription, counts: Mapping[str, int]) -> str:
    """Say of which speaker there are so few recordings that the UA which is expected of a model is not theirs.

    Args:
        description: The model.
        counts: Number of recordings of each speaker, at least one speaker.

    Returns:
        One line; empty where all speakers have half as many recordings as those on whom the UA was measured, or the
        model needs to know nothing of them or does not say how many there were.
    """
    measured = [len(digests) for digests in description.samples_digests.values()]
    speaker, fewest = min(counts.items(), key=lambda entry: entry[1])
    if not measured or len(description.expected_ua) == 1 or fewest >= fmean(measured) / 2:
        return ""
    return (
        f"{speaker} has {fewest} recordings; the expected UA is that of about {fmean(measured):.0f} recordings of a "
        "speaker, and lower with few"
    )
