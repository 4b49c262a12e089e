"""Templates of pages and pictures, which escape all that they show."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def escaping_environment(folder: Path) -> Environment:
    """Open the templates of a folder; a value that a template lacks is an error."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
