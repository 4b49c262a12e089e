"""Console for text that others have written, such as names of files."""

from collections.abc import Iterable

import rich.console
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment
from typing_extensions import override

from studies.cli.terminal.text_output import remove_controls


class Console(rich.console.Console):
    """Console that leaves out control characters and direction marks of a text; its own it sends as they are."""

    @override
    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else remove_controls(text), style, control)
