"""Write and compile the octet code of one frame class.

Neighbours with one presence test form a group: the test runs once, and all of the group's fields
are there or none. Inside a group, neighbours of fixed size share one ``struct``, together with the
count of the field behind them.
"""

import operator
import struct
from collections.abc import Iterator
from dataclasses import MISSING, fields
from enum import IntEnum, IntFlag
from itertools import groupby
from typing import Any, NamedTuple, get_args, get_type_hints

from emulator.errors import TruncatedError
from emulator.wire.kinds import (
    Counted,
    Fixed,
    Listed,
    Many,
    Rest,
    Series,
    Typed,
    UInt,
    When,
)

_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}


def initialiser(cls: type[Any], names: dict[str, Any]) -> list[str]:
    """Write an initialiser that fills slots directly, at two thirds of a dataclass's cost."""
    arguments = []
    for one in fields(cls):
        names[f"set_{one.name}"] = cls.__dict__[one.name].__set__
        if one.default is MISSING:
            arguments.append(one.name)
        else:
            names[f"default_{one.name}"] = one.default
            arguments.append(f"{one.name}=default_{one.name}")
    body = [f"    set_{one.name}(self, {one.name})" for one in fields(cls)]
    if hasattr(cls, "__post_init__"):
        body.append("    self.__post_init__()")
    return [f"def init(self{', *, ' * bool(arguments)}{', '.join(arguments)}):", *body, "    pass"]


class _Field(NamedTuple):
    name: str
    kind: Any
    base: Any  # the annotated type: an enum, flags, or something plain
    when: When | None

    @property
    def fixed(self) -> bool:
        return isinstance(self.kind, UInt | Fixed)

    @property
    def flags(self) -> bool:
        return isinstance(self.base, type) and issubclass(self.base, IntFlag)

    @property
    def enum(self) -> bool:
        return isinstance(self.base, type) and issubclass(self.base, IntEnum)

    @property
    def code(self) -> str:
        """Return the struct code of the field, or of the count in front of it."""
        counted = isinstance(self.kind, Counted | Listed)
        if counted or (isinstance(self.kind, UInt) and self.kind.size in _CODES):
            return _CODES[self.kind.size]
        return f"{self.kind.size}s"

    @property
    def order(self) -> str | None:
        """Return the struct byte order that the field insists on."""
        if self.code in "HIQ":
            return ">" if isinstance(self.kind, UInt) and self.kind.big_endian else "<"
        return None


def _read_fields(cls: type[Any]) -> Iterator[_Field]:
    hints = get_type_hints(cls, include_extras=True)
    for one in fields(cls):
        candidates = [hints[one.name], *get_args(hints[one.name])]
        hint = next(each for each in candidates if hasattr(each, "__metadata__"))
        yield _Field(one.name, hint.__metadata__[0], hint.__origin__, one.metadata.get("when"))


def _chunks(group: list[_Field]) -> Iterator[list[_Field]]:
    """Cut a group into runs of fixed size and one byte order, each with the field behind it."""
    chunk: list[_Field] = []
    for one in group:
        counted = isinstance(one.kind, Counted | Listed)
        if one.fixed or counted:
            orders = {each.order for each in [*chunk, one]} - {None}
            if len(orders) > 1:
                yield chunk
                chunk = []
        chunk.append(one)
        if not one.fixed:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _disagreement(one: object, names: tuple[str, ...], by: str, announced: bool) -> ValueError:
    name = next(name for name in names if (getattr(one, name) is None) is announced)
    fault = f"announced by {by}, yet absent" if announced else f"present, yet not announced by {by}"
    return ValueError(f"{type(one).__name__}.{name}: {fault}")


class Compiler:
    """Write and compile the encoder and decoder of one frame class."""

    def __init__(self, cls: type[Any]) -> None:
        self.cls = cls
        self.fields = {one.name: one for one in _read_fields(cls)}
        self.groups = [(test, list(run)) for test, run in groupby(self.fields.values(), _when)]
        self.tested = {one.when.by for one in self.fields.values() if one.when is not None}
        self.tested |= {one.kind.by for one in self.fields.values() if isinstance(one.kind, Typed)}
        self.names: dict[str, Any] = {
            "TruncatedError": TruncatedError,
            "struct_error": struct.error,
            "disagreement": _disagreement,
            "index": operator.index,
            "new": object.__new__,
            "cls": cls,
        }
        self.check()

    def check(self) -> None:
        """Refuse a declaration whose octets could not be read back."""
        integers: set[str] = set()
        tails: set[str] = set()
        open_ended: str | None = None
        for one in self.fields.values():
            where, test = f"{self.cls.__name__}.{one.name}", one.when
            by = test.by if test else one.kind.by if isinstance(one.kind, Typed) else None
            if by is not None and by not in integers:
                raise TypeError(f"{where}: {by} is no earlier integer field")
            if open_ended is not None:
                raise TypeError(f"{where}: behind {open_ended}, which takes all octets")
            if test is not None and (test.tail or test.by in tails):
                tails.add(one.name)
            elif tails:
                raise TypeError(f"{where}: behind an optional tail")
            if isinstance(one.kind, Many) and not one.kind.of.SHORTEST:
                raise TypeError(f"{where}: {one.kind.of.__name__} may be empty")
            if isinstance(one.kind, UInt):
                integers.add(one.name)
            elif isinstance(one.kind, Series | Many | Rest):
                open_ended = one.name

    def install(self) -> None:
        """Compile the initialiser, the encoder and the decoders, and give them to the class."""
        body = self._decoder()
        source = [
            *initialiser(self.cls, self.names),
            *self._encoder(),
            "def decode(data, offset=0):",
            *_indented(body),
            "    return made, data[at:]",
            "def decode_at(data, offset):",
            *_indented(body),
            "    return made, at",
        ]
        exec(compile("\n".join(source), f"<frame {self.cls.__name__}>", "exec"), self.names)
        setattr(self.cls, "__init__", self.names["init"])  # noqa: B010 - slots dataclass
        setattr(self.cls, "encode", self.names["encode"])  # noqa: B010
        setattr(self.cls, "decode", staticmethod(self.names["decode"]))  # noqa: B010
        setattr(self.cls, "decode_at", staticmethod(self.names["decode_at"]))  # noqa: B010

    def _test(self, one: When) -> str:
        """Return the Python test for a field's presence, over the raw integer it names."""
        raw = f"r_{one.by}"
        if one.mask is not None:
            test = f"{raw} & {int(one.mask)}"
        elif one.equals is not None:
            test = f"{raw} == {int(one.equals)}"
        else:
            test = f"{raw} >= {int(one.at_least or 0)}"
        return test if self.fields[one.by].when is None else f"({raw} is not None and {test})"

    def _struct(self, chunk: list[_Field]) -> tuple[str, int]:
        """Make the struct of a chunk; return the suffix of its names and its size."""
        sized = [one for one in chunk if one.fixed or isinstance(one.kind, Counted | Listed)]
        order = next((one.order for one in sized if one.order), "<")
        packer = struct.Struct(order + "".join(one.code for one in sized))
        suffix = chunk[0].name
        self.names[f"pack_{suffix}"] = packer.pack
        self.names[f"unpack_{suffix}"] = packer.unpack_from
        return suffix, packer.size

    # Encoding.

    def _encoder(self) -> list[str]:
        lines = ["out = b''"]
        for test, group in self.groups:
            body = [line for chunk in _chunks(group) for line in self._encode_chunk(chunk)]
            for one in group:
                lines.append(f"v_{one.name} = self.{one.name}")
            if test is None:
                lines += body
                continue
            names = tuple(one.name for one in group)
            some = " or ".join(f"v_{name} is not None" for name in names)
            absent = " or ".join(f"v_{name} is None" for name in names)
            lines += [
                f"if {self._test(test)}" + (f" and ({some}):" if test.tail else ":"),
                f"    if {absent}:",
                f"        raise disagreement(self, {names!r}, {test.by!r}, True)",
                *_indented(body),
                f"elif {some}:",
                f"    raise disagreement(self, {names!r}, {test.by!r}, False)",
                *(f"else: r_{name} = None" for name in names if name in self.tested),
            ]
        name = self.cls.__name__
        return [
            "def encode(self):",
            "    try:",
            *_indented(_indented(lines)),
            "    except (struct_error, OverflowError, TypeError, AttributeError) as error:",
            f"        raise ValueError(f'{name}: {{error}}: {{self!r}}') from error",
            "    return out",
        ]

    def _encode_chunk(self, chunk: list[_Field]) -> list[str]:
        lines = [line for one in chunk for line in self._check_value(one)]
        packed = [self._packable(one) for one in chunk if one.fixed]
        last = chunk[-1]
        if isinstance(last.kind, Counted | Listed):
            packed.append(f"len(v_{last.name})")
        octets = [] if last.fixed else [self._octets(last)]
        if packed:
            suffix, _ = self._struct(chunk)
            octets.insert(0, f"pack_{suffix}({', '.join(packed)})")
        return [*lines, f"out += {' + '.join(octets)}"]

    def _check_value(self, one: _Field) -> list[str]:
        name, value = f"{self.cls.__name__}.{one.name}", f"v_{one.name}"
        lines = []
        if one.name in self.tested:
            lines.append(f"r_{one.name} = index({value})")
        if one.enum:
            self.names[f"known_{one.name}"] = one.base._value2member_map_
            lines += [
                f"if {value} not in known_{one.name}:",
                f"    raise ValueError(f'{name}: unknown value {{{value}!r}}')",
            ]
        if isinstance(one.kind, Fixed):
            lines += [
                f"if len({value}) != {one.kind.size}:",
                f"    raise ValueError(f'{name}: {{len({value})}} octets, not {one.kind.size}')",
            ]
        if isinstance(one.kind, Typed):
            self.names[f"length_{one.name}"] = one.kind.length
            lines += [
                f"if length_{one.name}(r_{one.kind.by}, {value}, 0) != len({value}):",
                f"    raise ValueError(f'{name}: {{len({value})}} octets do not make a value'",
                f"        f' of type {{r_{one.kind.by}:#04x}}')",
            ]
        return lines

    def _packable(self, one: _Field) -> str:
        if isinstance(one.kind, UInt) and one.kind.size not in _CODES:
            order = "big" if one.kind.big_endian else "little"
            return f"v_{one.name}.to_bytes({one.kind.size}, '{order}')"
        return f"v_{one.name}"

    def _octets(self, one: _Field) -> str:
        match one.kind:
            case Listed(item=item) | Series(item=item):
                return f"b''.join([i.to_bytes({item}, 'little') for i in v_{one.name}])"
            case Many():
                return f"b''.join([i.encode() for i in v_{one.name}])"
            case _:
                return f"v_{one.name}"

    # Decoding.

    def _decoder(self) -> list[str]:
        self.cls.SHORTEST = 0
        lines = ["at, end = offset, len(data)"]
        for test, group in self.groups:
            body = []
            for chunk in _chunks(group):
                made, size = self._decode_chunk(chunk)
                body += made
                self.cls.SHORTEST += size if test is None else 0
            if test is None:
                lines += body
                continue
            names = [f"v_{one.name}" for one in group]
            names += [f"r_{one.name}" for one in group if one.name in self.tested]
            lines += [
                f"if {self._test(test)}" + (" and at < end:" if test.tail else ":"),
                *_indented(body),
                "else:",
                f"    {' = '.join(names)} = None",
            ]
        lines.append("made = new(cls)")
        return lines + [f"set_{name}(made, v_{name})" for name in self.fields]

    def _decode_chunk(self, chunk: list[_Field]) -> tuple[list[str], int]:
        """Return the lines that read a chunk, and the octets of its fixed part."""
        last = chunk[-1]
        targets = [f"v_{one.name}" for one in chunk if one.fixed]
        if isinstance(last.kind, Counted | Listed):
            targets.append("count")
        lines, size = [], 0
        if targets:
            suffix, size = self._struct(chunk)
            lines = [
                *self._need(size),
                f"{', '.join(targets)}, = unpack_{suffix}(data, at)",
                f"at += {size}",
            ]
        lines += [line for one in chunk for line in self._finish(one)]
        return lines + ([] if last.fixed else self._read(last)), size

    def _need(self, size: int | str) -> list[str]:
        return [
            f"if end - at < {size}:",
            f"    raise TruncatedError({self.cls.__name__!r}, at - offset + {size}, end - offset)",
        ]

    def _finish(self, one: _Field) -> list[str]:
        """Return the lines that turn what a struct gave into a field's value."""
        name, lines = f"v_{one.name}", []
        if isinstance(one.kind, UInt) and one.kind.size not in _CODES:
            order = "big" if one.kind.big_endian else "little"
            lines.append(f"{name} = int.from_bytes({name}, '{order}')")
        if one.name in self.tested:
            lines.append(f"r_{one.name} = {name}")
        if one.enum:
            lines.append(f"{name} = known_{one.name}.get({name}, {name})")
        if one.flags:  # the map keeps each combination once met
            self.names[f"flags_{one.name}"] = one.base
            self.names[f"known_{one.name}"] = one.base._value2member_map_
            lines += [f"{name} = known_{one.name}.get({name}, {name})"]
            lines += [f"if {name}.__class__ is int: {name} = flags_{one.name}({name})"]
        return lines

    def _read(self, one: _Field) -> list[str]:
        """Return the lines that read a field of variable size."""
        name = f"v_{one.name}"
        match one.kind:
            case Counted():
                return [*self._need("count"), f"{name} = data[at:at + count]", "at += count"]
            case Listed(item=item):
                return [f"count *= {item}", *self._need("count"), *_integers(name, item)]
            case Series(item=item):
                whole = f"count = (end - at + {item - 1}) // {item} * {item}"
                return [whole, *self._need("count"), *_integers(name, item)]
            case Many(of=of):
                self.names[f"item_{one.name}"] = of.decode_at
                return [
                    "items = []",
                    "try:",
                    "    while at < end:",
                    f"        item, at = item_{one.name}(data, at)",
                    "        items.append(item)",
                    "except TruncatedError as error:",
                    f"    raise TruncatedError({self.cls.__name__!r}, at - offset + error.needed,",
                    "        end - offset) from error",
                    f"{name} = tuple(items)",
                ]
            case Typed(by=by, length=length):
                self.names[f"length_{one.name}"] = length
                count = f"count = length_{one.name}(r_{by}, data, at)"
                return [count, *self._need("count"), f"{name} = data[at:at + count]", "at += count"]
            case _:
                return [f"{name} = data[at:]", "at = end"]


def _when(one: _Field) -> When | None:
    return one.when


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _integers(name: str, item: int) -> list[str]:
    spans = f"for i in range(at, at + count, {item})"
    return [
        f"{name} = tuple([int.from_bytes(data[i:i + {item}], 'little') {spans}])",
        "at += count",
    ]
