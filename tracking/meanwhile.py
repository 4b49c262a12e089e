"""Where a report has computed what takes long: in its own process, or in another one meanwhile."""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

_Given = TypeVar("_Given")
_Found = TypeVar("_Found")


class Meanwhile(Protocol):
    """Calls a function for each argument, like `map`; what is found is asked for as late as can be."""

    def __call__(self, function: Callable[[_Given], _Found], arguments: Iterable[_Given], /) -> Iterable[_Found]:
        """The function's values, in the order of its arguments."""
