"""Write down what a hub hears, in order and by device: the evidence of every verdict."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from emulator.units import Us
from emulator.wire.aps import Datagram
from emulator.wire.codec import Frame

F = TypeVar("F", bound=Frame)


class Heard(NamedTuple):
    """Be one frame that a device sent to the hub."""

    at: Us
    source: int
    frame: Frame
    datagram: Datagram


@dataclass(slots=True)
class Log:
    """Hold what was heard from one device; asking costs the same after any number of frames."""

    heard: list[Heard] = field(default_factory=list)
    #: How many frames of each kind were heard.
    counts: dict[type[Frame], int] = field(default_factory=dict)
    newest: dict[type[Frame], Heard] = field(default_factory=dict)

    def add(self, heard: Heard) -> None:
        """Write down a frame."""
        kind = type(heard.frame)
        self.heard.append(heard)
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.newest[kind] = heard

    def count(self, kind: type[Frame]) -> int:
        """Return how many frames of one kind were heard; ``Frame``: of all kinds."""
        return len(self.heard) if kind is Frame else self.counts.get(kind, 0)

    def since(self, mark: int, kind: type[F]) -> Iterator[F]:
        """Yield the frames of one kind behind the first ``mark`` frames, in order."""
        return (one.frame for one in self.heard[mark:] if isinstance(one.frame, kind))
