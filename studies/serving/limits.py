"""Limits of what a server accepts."""

from dataclasses import dataclass

MEGABYTE = 1_000_000

LONGEST_UTTERANCE_S = 60.0
"""Longest recording that is decided as a whole, in seconds; timelines are for longer ones."""

UPLOAD_TIMEOUT_S = 60.0
"""Seconds in which an upload must arrive."""


@dataclass(frozen=True)
class ServerLimits:
    """Limits of a server.

    Attributes:
        max_upload_mb: Largest upload in megabytes.
        max_duration_s: Longest recording in seconds.
        max_requests: Most uploads that are received or worked on at once; others are refused.
    """

    max_upload_mb: float = 64
    max_duration_s: float = 3600
    max_requests: int = 16
