"""Switch power by asking a person to do it."""

import sys
from typing import TextIO

from emulator.errors import LinkError


class PersonSwitch:
    """Ask on the terminal, and wait for Enter."""

    def set(self, on: bool) -> None:
        """Ask.

        Raises:
            LinkError: Nobody is there to be asked.
        """
        said = f"power {'on' if on else 'off'}, then press Enter: "
        print(said, end="", file=_terminal(sys.__stderr__), flush=True)
        if not _terminal(sys.__stdin__).readline():
            raise LinkError("power: found the end of standard input, wanted Enter")

    def close(self) -> None:
        """Hold nothing."""


def _terminal(stream: TextIO | None) -> TextIO:
    """Return a stream of the process itself: pytest holds the usual ones."""
    if stream is None:
        raise LinkError("power: found no standard input and error, wanted a terminal")
    return stream
