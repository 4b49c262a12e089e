"""Page of the server: drop or record a recording, see what is heard in it."""

from pathlib import Path

from markupsafe import Markup

from ser.inference.description import ModelDescription
from studies.predictions.page import page_template, read_asset
from studies.serving.limits import ServerLimits

_FOLDER = Path(__file__).parent


def render_page(description: ModelDescription, limits: ServerLimits, nonce: str) -> str:
    """Render the page.

    Args:
        description: The model.
        limits: What the server accepts.
        nonce: Text of the page's security policy that its style and script repeat.
    """
    return page_template(_FOLDER / "serve.html").render(
        model=description,
        limits=limits,
        nonce=nonce,
        # The files are the package's own; a closing tag in them would end their element.
        style=Markup(read_asset("timeline.css") + (_FOLDER / "serve.css").read_text(encoding="utf-8")),
        script=Markup(read_asset("timeline.js") + (_FOLDER / "serve.js").read_text(encoding="utf-8")),
    )
