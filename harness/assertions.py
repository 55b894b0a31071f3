"""Read out of an exception what a case expected, what it saw, and where."""

import ast
import operator
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

#: Most characters of one side of an assertion that a report shows.
LONGEST = 400
#: Most octets of a frame or a value that a report shows.
MOST_OCTETS = 128

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "is": operator.is_,
    "is not": operator.is_not,
    "in": lambda left, right: left in right,
    "not in": lambda left, right: left not in right,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Hold a comparison that pytest told of: what a case saw, and what it wanted."""

    operator: str
    left: object
    right: object

    def failed_in(self, statement: str) -> bool:
        """Tell whether it is this comparison that made a condition false.

        pytest also tells of one that held, inside a ``not``, and of one of an earlier assertion.
        """
        holds = _OPERATORS.get(self.operator)
        if holds is None or f" {self.operator} " not in statement:
            return False
        return not holds(self.left, self.right)


def sides(
    error: AssertionError, file: Path, comparison: Comparison | None, otherwise: str
) -> tuple[str, str]:
    """Return what was expected and what was seen, as far as the assertion tells.

    A case writes what it saw on the left and what it wants on the right.

    Args:
        error: What ended the case.
        file: The file of the case.
        comparison: The last comparison that did not hold, if one did not.
        otherwise: What was expected, where the error did not come from an ``assert`` of the case.
    """
    message = first_line(error)
    statement = _statement(error, file)
    if statement is None:
        return cut(otherwise or "no such complaint"), cut(message)
    if comparison is not None and comparison.failed_in(statement):
        wanted = shown(comparison.right)
        if comparison.operator not in ("==", "is"):
            wanted = f"{comparison.operator} {wanted}"
        return cut(wanted), cut(shown(comparison.left))
    return cut(statement), cut(message.removeprefix("assert "))


def _statement(error: BaseException, file: Path) -> str | None:
    """Return the condition of the ``assert`` in ``file`` that raised, None if none did."""
    name, line = list(_frames(error))[-1]
    if Path(name) != file:
        return None
    return next(
        (text for first, last, text in _asserts(file) if first <= line <= last),
        None,
    )


@lru_cache(maxsize=64)
def _asserts(file: Path) -> tuple[tuple[int, int, str], ...]:
    """Return first line, last line and condition of every ``assert`` of a file."""
    tree = ast.parse(file.read_text("utf-8"))
    return tuple(
        (node.lineno, node.end_lineno or node.lineno, ast.unparse(node.test))
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
    )


def place(error: BaseException, file: Path) -> str:
    """Name the line of the case that an error came out of, else the line that raised it."""
    frames = list(_frames(error))
    name, line = next((each for each in reversed(frames) if Path(each[0]) == file), frames[-1])
    return f"{Path(name).name}:{line}"


def traceback_of(error: BaseException, file: Path) -> str:
    """Return the traceback of an error from the case on, or all of it if the case is not in it."""
    start = error.__traceback__
    while start is not None and Path(start.tb_frame.f_code.co_filename) != file:
        start = start.tb_next
    lines = traceback.format_exception(type(error), error, start or error.__traceback__)
    return "".join(lines).rstrip()


def _frames(error: BaseException) -> Iterator[tuple[str, int]]:
    each: TracebackType | None = error.__traceback__
    while each is not None:
        yield each.tb_frame.f_code.co_filename, each.tb_lineno
        each = each.tb_next


# Words for people.


def shown(value: object) -> str:
    """Return a value for people: enums by name, numbers in hexadecimal too, long octets cut."""
    if isinstance(value, bytes | bytearray | memoryview):
        return octets(bytes(value)) or "no octets"
    name = getattr(value, "name", None)
    if isinstance(value, int) and isinstance(name, str):
        return f"{name} ({int(value):#04x})"
    if isinstance(value, int) and not isinstance(value, bool) and value > 9:
        return f"{value} ({value:#x})"
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, list | tuple):
        if not value:
            return "nothing"
        items = ", ".join(shown(one) for one in value)
        return cut(f"[{items}]" if isinstance(value, list) else f"({items})")
    return cut(repr(value))


def octets(data: bytes) -> str:
    """Return octets in hexadecimal; of many, the first and how many there are."""
    if len(data) <= MOST_OCTETS:
        return data.hex(" ")
    return f"{data[:MOST_OCTETS].hex(' ')}… ({len(data)} octets)"


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "no message")


def cut(text: str) -> str:
    """Return a text on one line, cut where it is too long for a report."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
