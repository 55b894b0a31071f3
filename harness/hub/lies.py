"""Let a hub lie: edits of the octets that an honest hub encoded.

A lie selects answers of one command and changes their payload, which begins behind the ZCL header.
The encoder stays strict: what goes wrong on the air goes wrong here, on purpose.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TypeAlias, assert_never, get_args, get_type_hints

from emulator.wire.codec import Frame, UInt, pack_integer


@dataclass(frozen=True, slots=True)
class Overwrite:
    """Replace octets at an offset of the payload."""

    at: int
    octets: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """Keep only the first octets of the payload."""

    octets: int


@dataclass(frozen=True, slots=True)
class Append:
    """Add octets behind the payload."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Replace:
    """Send another payload."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Silence:
    """Send nothing at all."""


Edit: TypeAlias = Overwrite | Cut | Append | Replace | Silence


@dataclass(slots=True)
class Lie:
    """Change some answers of one command: those after ``skip`` honest ones, ``count`` of them."""

    command: type[Frame]
    edits: Sequence[Edit]
    skip: int = 0
    count: int | None = None
    seen: int = 0

    def tell(self, payload: bytes) -> bytes | None:
        """Return the payload to send for the next answer, None for silence."""
        number, self.seen = self.seen, self.seen + 1
        if number < self.skip or (self.count is not None and number >= self.skip + self.count):
            return payload
        edited: bytes | None = payload
        for edit in self.edits:
            if edited is not None:
                edited = _edited(edited, edit)
        return edited


def _edited(payload: bytes, edit: Edit) -> bytes | None:
    match edit:
        case Overwrite(at, octets):
            return payload[:at] + octets + payload[at + len(octets) :]
        case Cut(octets=size):
            return payload[:size]
        case Append(octets):
            return payload + octets
        case Replace(octets):
            return octets
        case Silence():
            return None
        case _:
            assert_never(edit)


def field(command: type[Frame], name: str, value: int) -> Overwrite:
    """Return the edit that gives one integer field another value.

    Raises:
        ValueError: No such field, or one of variable size stands before it.
    """
    at = 0
    hints = get_type_hints(command, include_extras=True)
    for one in fields(command):  # type: ignore[arg-type]  # every frame is a dataclass
        kind = _kind(hints[one.name])
        if one.name == name and kind is not None:
            return Overwrite(at, pack_integer(value, kind.size))
        if kind is None:
            break
        at += kind.size
    raise ValueError(f"{command.__name__} has no integer field {name} at a fixed place")


def _kind(hint: object) -> UInt | None:
    for part in (hint, *get_args(hint)):
        for mark in getattr(part, "__metadata__", ()):
            if isinstance(mark, UInt):
                return mark
    return None
