"""Register who answers which EZSP command."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from emulator.ncp.ezsp import Request
    from emulator.ncp.stick import Stick

#: What answers a command: the values of its response, by the names of the command table.
Handler: TypeAlias = Callable[["Stick", "Request"], Mapping[str, Any]]

#: Every command that a stick answers, by name; a command of the table that is not here is unknown.
HANDLERS: dict[str, Handler] = {}


def answers(name: str) -> Callable[[Handler], Handler]:
    """Register a function as the one that answers the command ``name``.

    Raises:
        ValueError: The command has a handler already.
    """

    def register(handler: Handler) -> Handler:
        if name in HANDLERS:
            raise ValueError(f"{name}: {HANDLERS[name].__name__} answers it already")
        HANDLERS[name] = handler
        return handler

    return register
