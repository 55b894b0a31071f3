"""State what a line to a host is: what the server asks of it, and what it tells the server."""

from typing import Protocol


class End(Protocol):
    """Be what a line calls."""

    def attached(self) -> None:
        """Learn that a host is there; one at a time."""
        ...

    def quiet(self) -> None:
        """Learn that the host has said nothing in the first moment, and may be waiting."""
        ...

    def came(self, octets: bytes) -> None:
        """Take octets of the host."""
        ...

    def writable(self) -> None:
        """Learn that the line takes octets again."""
        ...

    def detached(self) -> None:
        """Learn that the host is gone."""
        ...

    def failed(self, error: BaseException) -> None:
        """Learn of a fault of our own, which ends the server."""
        ...


class Line(Protocol):
    """Carry octets between one host at a time and an end."""

    @property
    def where(self) -> str:
        """Return where it listens, as ``--listen`` has it."""
        ...

    @property
    def blocked(self) -> bool:
        """Tell whether the host reads too slowly: nothing should be written now."""
        ...

    async def open(self, end: End) -> None:
        """Listen.

        Raises:
            LinkError: The environment does not let it: names where, and what it found.
        """
        ...

    def write(self, octets: bytes) -> None:
        """Send octets; they are dropped where no host is."""
        ...

    def close(self) -> None:
        """Stop to listen, and leave nothing behind."""
        ...
