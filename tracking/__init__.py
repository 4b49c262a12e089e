"""MLflow runs of studies, and the analysis of their results.

From Python, `tracking.compare` compares the variants of `studies.results`; it is imported when it is first asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracking.analysis.frame_comparison import compare as compare


def __getattr__(name: str) -> Any:
    """Import the function of the Python interface."""
    if name == "compare":
        from tracking.analysis.frame_comparison import compare

        return compare
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
