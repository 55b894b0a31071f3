"""Turn declared frames into octets and back.

A frame is a class whose annotations declare its fields in air order. ``@frame`` makes it frozen,
slotted and keyword-only, and compiles its encoder and decoder once. Integers are little-endian
unless a field says otherwise. The names of ``kinds`` are offered here too, so that a module which
declares frames needs no other import. Only ``compiler`` knows ``struct``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Self, TypeVar, dataclass_transform

from emulator.wire.compiler import Compiler, initialiser
from emulator.wire.kinds import (
    EUI64,
    U8,
    U16,
    U24,
    U32,
    U64,
    Counted,
    Fixed,
    Listed,
    Many,
    Rest,
    Series,
    Typed,
    UInt,
    when,
)

__all__ = [
    "COMMANDS",
    "EUI64",
    "FRAMES",
    "KEYS",
    "U8",
    "U16",
    "U24",
    "U32",
    "U64",
    "CommandKey",
    "Counted",
    "Fixed",
    "Frame",
    "Listed",
    "Many",
    "Rest",
    "Series",
    "Typed",
    "UInt",
    "command",
    "entry",
    "frame",
    "pack_integer",
    "unpack_integer",
    "value",
    "when",
]

F = TypeVar("F", bound="Frame")
K = TypeVar("K")
T = TypeVar("T")


def pack_integer(number: int, size: int, *, signed: bool = False) -> bytes:
    """Return a little-endian integer of ``size`` octets; ValueError if it does not fit."""
    try:
        return number.to_bytes(size, "little", signed=signed)
    except OverflowError as error:
        raise ValueError(f"{number} does not fit {size} octets: {error}") from error


def unpack_integer(data: bytes, *, signed: bool = False) -> int:
    """Return the little-endian integer that all of ``data`` makes."""
    return int.from_bytes(data, "little", signed=signed)


class Frame:
    """Be the base of every declared frame."""

    __slots__ = ()

    #: Octets of the shortest form.
    SHORTEST: ClassVar[int]

    def encode(self) -> bytes:
        """Return the octets of this frame.

        Raises:
            ValueError: A value is out of range, an enum value unknown, or a presence flag disagrees
                with its field. A lie is an edit of encoded octets, never a value here.
        """
        raise NotImplementedError

    @classmethod
    def decode(cls, data: bytes, offset: int = 0) -> tuple[Self, bytes]:
        """Read one frame at ``offset`` and return it with the octets behind it.

        Unknown enum values stay plain integers; reserved flag bits survive.

        Raises:
            TruncatedError: ``data`` ends inside the frame; says the octets needed and found.
            WireError: The frame cannot be read to its end for another reason.
        """
        raise NotImplementedError

    @classmethod
    def decode_at(cls, data: bytes, offset: int) -> tuple[Self, int]:
        """Read one frame at ``offset`` and return it with the offset behind it."""
        raise NotImplementedError


class CommandKey(NamedTuple):
    """Name a ZCL cluster command: cluster, sent to the server or not, command id."""

    cluster: int
    to_server: bool
    command: int


#: Every frame that is a cluster command, by its key.
COMMANDS: dict[CommandKey, type[Frame]] = {}

#: The key of each cluster command frame.
KEYS: dict[type[Frame], CommandKey] = {}

#: Every frame class, in order of declaration.
FRAMES: list[type[Frame]] = []


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def value(cls: type[T]) -> type[T]:
    """Make a class a frozen, slotted, keyword-only dataclass that is cheap to build.

    For the few values that are made once a block; it differs from a plain dataclass in cost only.
    """
    made = dataclass(frozen=True, slots=True, kw_only=True)(cls)
    names: dict[str, Any] = {}
    lines = initialiser(made, names)
    exec(compile("\n".join(lines), f"<value {cls.__name__}>", "exec"), names)
    setattr(made, "__init__", names["init"])  # noqa: B010 - the generated one is replaced
    return made


# ``when`` is no field specifier to type checkers: they would take its fields for required ones.
@dataclass_transform(frozen_default=True, kw_only_default=True)
def frame(cls: type[F]) -> type[F]:
    """Make a class a frame: frozen, slotted, keyword-only, with compiled octet code.

    Raises:
        TypeError: The declaration cannot be read back: a test of a later field, a field behind
            one that takes all octets, a field behind an optional tail.
    """
    made = dataclass(frozen=True, slots=True, kw_only=True)(cls)
    Compiler(made).install()
    FRAMES.append(made)
    return made


@dataclass_transform(frozen_default=True, kw_only_default=True)
def entry(registry: dict[K, type[Frame]], key: K) -> Callable[[type[F]], type[F]]:
    """Make a class a frame and enter it into a registry.

    Raises:
        ValueError: The key is taken; two frames with one op-code are a bug of ours.
    """

    def declare(cls: type[F]) -> type[F]:
        if key in registry:
            raise ValueError(f"{key} is {registry[key].__name__} already, not {cls.__name__}")
        registry[key] = made = frame(cls)
        return made

    return declare


@dataclass_transform(frozen_default=True, kw_only_default=True)
def command(cluster: int, *, to_server: bool, number: int) -> Callable[[type[F]], type[F]]:
    """Make a class a frame and register it as the command of that cluster, direction and number.

    Raises:
        ValueError: The key is taken.
    """
    key = CommandKey(cluster, to_server, number)

    def declare(cls: type[F]) -> type[F]:
        made = entry(COMMANDS, key)(cls)
        KEYS[made] = key
        return made

    return declare
