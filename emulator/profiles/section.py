"""Be what every table of a profile is: keys with declared ranges, checked on construction."""

from dataclasses import dataclass
from types import UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    NamedTuple,
    NoReturn,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from emulator.errors import ProfileError


class Range(NamedTuple):
    """Bound an integer key; ``hexadecimal`` and its ``digits`` say how messages print it."""

    least: int
    most: int
    hexadecimal: bool = False
    digits: int = 4

    def show(self, number: int) -> str:
        """Print one number as this key is usually written."""
        if not self.hexadecimal or number < 0:
            return str(number)
        return f"0x{number:0{self.digits}X}"

    def __str__(self) -> str:
        return f"{self.show(self.least)}..{self.show(self.most)}"


def refuse(key: str, found: str, expected: str) -> NoReturn:
    """Raise the error of one key; every complaint about a profile is worded here."""
    raise ProfileError(f"{key}: found {found}, expected {expected}")


def ranges(section: type["Section"]) -> dict[str, Range]:
    """Return the ranges that a section's annotations declare, of optional keys too."""
    found = {
        name: range_of(hint) for name, hint in get_type_hints(section, include_extras=True).items()
    }
    return {name: mark for name, mark in found.items() if mark is not None}


def range_of(hint: Any) -> Range | None:
    """Return the range that one annotation declares."""
    if get_origin(hint) in (Union, UnionType):
        return next((mark for one in get_args(hint) if (mark := range_of(one))), None)
    marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return next((mark for mark in marks if isinstance(mark, Range)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Be one table of a profile: check the declared ranges on construction."""

    TABLE: ClassVar[str]

    def __post_init__(self) -> None:
        for name, bound in ranges(type(self)).items():
            number = getattr(self, name)
            if number is not None and not bound.least <= number <= bound.most:
                self._refuse(name, bound.show(number), str(bound))
        self._check()

    def _check(self) -> None:
        """Check what ranges cannot say."""

    def _refuse(self, name: str, found: str, expected: str) -> NoReturn:
        refuse(f"{self.TABLE}.{name}", found, expected)


def section_of(hint: Any) -> type[Section] | None:
    """Return the section that an annotation of a profile names, None where it names none."""
    for candidate in (hint, *get_args(hint)):
        if isinstance(candidate, type) and issubclass(candidate, Section):
            return candidate
    return None
