"""Model card, in the form that model hubs read: facts in a YAML header, then text."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ser.inference.description import Interval, ModelDescription
from tracking.analysis.escaping import escape_markdown


def model_card(description: ModelDescription) -> str:
    """Write the card of a model.

    Returns:
        Markdown with a YAML header: what it hears, what it was trained on, what to expect of it and its limits.
    """
    # Markdown, not HTML: names that users choose are escaped by the filter.
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, autoescape=False, trim_blocks=True
    )
    environment.filters["markdown"] = escape_markdown
    template = environment.get_template("card.md.jinja")
    corpus = description.corpus
    return template.render(model=description, corpus=corpus, score=format_score) + "\n"


def format_score(score: float, interval: Interval | None) -> str:
    """Write a score and its interval in percent, such as '71.2% [66.0, 76.4]'."""
    text = f"{100 * score:.1f}%"
    return text if interval is None else f"{text} [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]"
