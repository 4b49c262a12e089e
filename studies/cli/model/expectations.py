"""What to expect of a model, in words."""

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

    Args:
        description: The model.
        situation: What is known of them.

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
