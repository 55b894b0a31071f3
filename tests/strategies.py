"""Draw frames of any declared class, in each of its shapes.

A shape is one combination of optional fields that a frame can have. Nothing is taken from the codec
under test but the declarations: which fields a value makes present is worked out anew here.
"""

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from enum import IntEnum, IntFlag
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

from hypothesis import strategies as st

from emulator.wire.codec import (
    FRAMES,
    Counted,
    Fixed,
    Frame,
    Listed,
    Many,
    Rest,
    Series,
    Typed,
    UInt,
)
from emulator.wire.kinds import When

_DECLARATION = re.compile(r"^@(frame|command\(|entry\()", re.MULTILINE)
_ROOT = Path(__file__).parents[1]

# Wherever the product declares frames: a new module is found by what it says.
for _path in sorted([*_ROOT.glob("emulator/**/*.py"), *_ROOT.glob("harness/**/*.py")]):
    if _DECLARATION.search(_path.read_text()):
        importlib.import_module(".".join(_path.relative_to(_ROOT).with_suffix("").parts))

#: Every frame class of the product; frames that tests declare are not among them.
PRODUCT_FRAMES: list[type[Frame]] = [
    one for one in FRAMES if one.__module__.startswith(("emulator.", "harness."))
]

#: ZCL data types whose octets begin with a count: octets of the count.
_STRING_TYPES = {0x41: 1, 0x42: 1, 0x43: 2, 0x44: 2}
#: ZCL data types that are not modelled.
_COLLECTION_TYPES = {0x48, 0x4C, 0x50, 0x51}


@dataclass(frozen=True)
class Declared:
    """Hold one field's declaration."""

    name: str
    kind: Any
    base: Any
    when: When | None


@dataclass(frozen=True)
class Shape:
    """Say which fields are present, and what each tested field's value makes of its dependents."""

    present: tuple[str, ...] = ()
    outcomes: tuple[tuple[str, tuple[bool, ...]], ...] = ()


@cache
def declared(cls: type[Frame]) -> tuple[Declared, ...]:
    """Return the declarations of a frame's fields, in air order."""
    hints = get_type_hints(cls, include_extras=True)
    found = []
    for one in fields(cls):  # type: ignore[arg-type]
        hint = next(h for h in (hints[one.name], *get_args(hints[one.name])) if _annotated(h))
        test = one.metadata.get("when")
        found.append(Declared(one.name, hint.__metadata__[0], hint.__origin__, test))
    return tuple(found)


def open_ended(cls: type[Frame]) -> bool:
    """Tell whether a frame takes every octet that is left."""
    return any(isinstance(one.kind, Rest | Series | Many) for one in declared(cls))


@cache
def shapes(cls: type[Frame]) -> tuple[Shape, ...]:
    """Return every shape of a frame."""
    found = [Shape()]
    previous: Declared | None = None
    for one in declared(cls):
        alike = previous is not None and one.when is not None and one.when == previous.when
        found = [
            grown
            for shape in found
            for there in _choices(cls, one, shape, previous.name if alike and previous else None)
            for grown in (_with(cls, one, shape) if there else [shape])
        ]
        previous = one
    return tuple(found)


def shape_id(cls: type[Frame], shape: Shape) -> str:
    """Return a name for a test of one shape: the class and its optional fields."""
    optional = [one.name for one in declared(cls) if one.when and one.name in shape.present]
    return "+".join([cls.__name__, *optional])


def cases(classes: list[type[Frame]]) -> list[tuple[type[Frame], Shape]]:
    """Return (class, shape) for every shape of every class."""
    return [(one, shape) for one in classes for shape in _distinct(one)]


@st.composite
def frames(draw: st.DrawFn, cls: type[Frame], shape: Shape | None = None) -> Any:  # noqa: ANN401
    """Draw a frame of one class, of one shape or of any."""
    if shape is None:
        shape = draw(st.sampled_from(shapes(cls)))
    values: dict[str, Any] = {}
    for one in declared(cls):
        if one.name in shape.present:
            values[one.name] = draw(_values(cls, one, shape, values))
    return cls(**values)


def _annotated(hint: Any) -> bool:  # noqa: ANN401
    return hasattr(hint, "__metadata__")


def _dependents(cls: type[Frame], name: str) -> list[When]:
    tests = [one.when for one in declared(cls) if one.when is not None and one.when.by == name]
    return list(dict.fromkeys(tests))


def _holds(test: When, raw: int) -> bool:
    if test.mask is not None:
        return bool(raw & test.mask)
    return raw == test.equals if test.equals is not None else raw >= (test.at_least or 0)


@cache
def _universe(cls: type[Frame], name: str) -> dict[tuple[bool, ...], list[int]]:
    """Return the values of a tested field, by what they make of its dependents."""
    one = next(one for one in declared(cls) if one.name == name)
    is_enum = issubclass(one.base, IntEnum)
    sorted_values: dict[tuple[bool, ...], list[int]] = {}
    for raw in one.base if is_enum else range(256 ** min(one.kind.size, 2)):
        outcome = tuple(_holds(test, int(raw)) for test in _dependents(cls, name))
        sorted_values.setdefault(outcome, []).append(raw)
    return sorted_values


def _choices(cls: type[Frame], one: Declared, shape: Shape, alike: str | None) -> Iterator[bool]:
    if one.when is None:
        yield True
    elif one.when.by not in shape.present or not _outcome(cls, shape, one.when):
        yield False
    elif one.when.tail and alike is not None:  # one group: all there or none
        yield alike in shape.present
    elif one.when.tail:
        yield from (True, False)
    else:
        yield True


def _outcome(cls: type[Frame], shape: Shape, test: When) -> bool:
    return dict(shape.outcomes)[test.by][_dependents(cls, test.by).index(test)]


def _with(cls: type[Frame], one: Declared, shape: Shape) -> Iterator[Shape]:
    grown = replace(shape, present=(*shape.present, one.name))
    if not _dependents(cls, one.name):
        yield grown
        return
    for outcome in _universe(cls, one.name):
        yield replace(grown, outcomes=(*grown.outcomes, (one.name, outcome)))


def _distinct(cls: type[Frame]) -> list[Shape]:
    """Return one shape for each set of present fields."""
    return list({shape.present: shape for shape in shapes(cls)}.values())


def _values(
    cls: type[Frame], one: Declared, shape: Shape, earlier: dict[str, Any]
) -> st.SearchStrategy[Any]:
    match one.kind:
        case UInt(size=size):
            typed = any(isinstance(o.kind, Typed) and o.kind.by == one.name for o in declared(cls))
            return _integers(cls, one, shape, size, typed)
        case Fixed(size=size):
            return st.binary(min_size=size, max_size=size)
        case Counted(size=size):
            return st.binary(max_size=60) | st.binary(max_size=256 ** min(size, 2) - 1)
        case Listed(item=item) | Series(item=item):
            return st.lists(st.integers(0, 256**item - 1), max_size=5).map(tuple)
        case Many(of=of):
            return st.lists(frames(of), max_size=4).map(tuple)
        case Typed(by=by, length=length):
            return _typed(int(earlier[by]), length(int(earlier[by]), b"", 0))
        case Rest():
            return st.binary(max_size=60)
    raise AssertionError(f"no strategy for {one.kind}")


def _integers(
    cls: type[Frame], one: Declared, shape: Shape, size: int, typed: bool
) -> st.SearchStrategy[Any]:
    whole = st.integers(0, 256**size - 1)
    if one.name in dict(shape.outcomes):
        drawn: st.SearchStrategy[Any] = st.sampled_from(
            _universe(cls, one.name)[dict(shape.outcomes)[one.name]]
        )
    elif issubclass(one.base, IntEnum):
        drawn = st.sampled_from(one.base)
        if typed:
            drawn = drawn.filter(lambda value: int(value) not in _COLLECTION_TYPES)
    else:
        drawn = whole
    return drawn.map(one.base) if issubclass(one.base, IntFlag) else drawn


def _typed(number: int, size: int) -> st.SearchStrategy[bytes]:
    count = _STRING_TYPES.get(number)
    if count is None:
        return st.binary(min_size=size, max_size=size)
    return st.binary(max_size=40).map(lambda text: len(text).to_bytes(count, "little") + text)
