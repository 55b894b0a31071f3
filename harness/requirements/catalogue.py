"""The catalogue of requirements: loaded from TOML, checked, and found by id."""

import functools
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from enum import StrEnum
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import TypeVar

from emulator.errors import did_you_mean

_ITEMS_FILE = "pics.toml"
_Member = TypeVar("_Member", bound=StrEnum)


class Level(StrEnum):
    """How binding a requirement is."""

    MANDATORY = "mandatory"
    RECOMMENDED = "recommended"
    POLICY = "policy"


class Evidence(StrEnum):
    """How well a requirement is supported by its source."""

    CONFIRMED = "confirmed"
    DERIVED = "derived"
    ASSUMED = "assumed"
    UNCONFIRMED = "unconfirmed"


class Judge(StrEnum):
    """Who is judged by a requirement."""

    DEVICE = "device"
    HUB = "hub"
    FILE = "file"
    PREMISES = "premises"


class CatalogueError(ValueError):
    """A catalogue file is wrong; the message names file, entry, key, found and expected."""


class UnknownRequirementError(KeyError):
    """No requirement has this id; the message suggests the nearest one."""

    def __str__(self) -> str:
        """Give the message itself; KeyError would quote it."""
        return str(self.args[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One requirement: what is done, what must follow, and how sure we are of it.

    ``accept`` lists the outcomes that pass where more than one does; empty where ``expected`` is
    the only one. ``pics`` is the item that must be stated for the requirement to apply.
    ``uncovered`` says why nothing here judges it yet; empty where a case or a vector does.
    """

    id: str
    title: str
    level: Level
    evidence: Evidence
    source: str
    judge: Judge
    stimulus: str
    expected: str
    pics: str
    accept: tuple[str, ...] = ()
    switches: tuple[str, ...] = ()  # the profile keys that choose among what is accepted
    note: str = ""
    uncovered: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The requirements by id, the meaning of each PICS item they name, and what items imply.

    ``implications`` has, for each item that implies others, all of them, the remote ones too.
    """

    requirements: Mapping[str, Requirement]
    items: Mapping[str, str]
    implications: Mapping[str, tuple[str, ...]]


_ALLOWED = frozenset(field.name for field in fields(Requirement))
_NEEDED = frozenset(field.name for field in fields(Requirement) if field.default is MISSING)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One table of a catalogue file, with the name to call it by in complaints."""

    file: str
    name: str
    table: Mapping[str, object]

    def error(self, key: str, found: str, expected: str) -> CatalogueError:
        return CatalogueError(
            f"{self.file}: {self.name}: {key}: found {found}, expected {expected}"
        )

    def check_keys(self, needed: frozenset[str], allowed: frozenset[str]) -> None:
        for key in sorted(self.table.keys() - allowed):
            raise self.error(key, "an unknown key", f"one of {', '.join(sorted(allowed))}")
        for key in sorted(needed - self.table.keys()):
            raise self.error(key, "nothing", "a text")

    def text(self, key: str) -> str:
        value = self.table[key]
        if not isinstance(value, str) or not value.strip():
            raise self.error(key, repr(value), "a text that is not empty")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.table[key]
        if not isinstance(value, list) or not value:
            raise self.error(key, repr(value), "a list of texts that is not empty")
        for text in value:
            if not isinstance(text, str) or not text.strip():
                raise self.error(key, repr(text), "a text that is not empty")
        return tuple(value)

    def member(self, key: str, kind: type[_Member]) -> _Member:
        value = self.text(key)
        try:
            return kind(value)
        except ValueError:
            raise self.error(key, repr(value), f"one of {', '.join(kind)}") from None


def load() -> Mapping[str, Requirement]:
    """Return every requirement by id, in order of file and place.

    Raises:
        CatalogueError: A file of the package is wrong.
    """
    return _shipped().requirements


def items() -> Mapping[str, str]:
    """Return the meaning of every PICS item by its id.

    Raises:
        CatalogueError: A file of the package is wrong.
    """
    return _shipped().items


def implications() -> Mapping[str, tuple[str, ...]]:
    """Return every PICS item that a device cannot have without others, and all those others.

    Raises:
        CatalogueError: A file of the package is wrong.
    """
    return _shipped().implications


def find(requirement_id: str) -> Requirement:
    """Return the requirement with this id.

    Raises:
        UnknownRequirementError: There is none; the message names the nearest ids.
        CatalogueError: A file of the package is wrong.
    """
    requirements = load()
    if requirement_id in requirements:
        return requirements[requirement_id]
    hint = did_you_mean(requirement_id, requirements, most=3)
    raise UnknownRequirementError(f"no requirement {requirement_id!r}{hint}")


def read(directory: Traversable) -> Catalogue:
    """Read and check a directory: ``pics.toml`` and one file or more of requirements.

    Args:
        directory: Where the files are; each ``*.toml`` beside ``pics.toml`` holds requirements.

    Raises:
        CatalogueError: A file is missing or not TOML, a key is missing, unknown or of the wrong
            type, an enum value or a PICS item is unknown, or an id occurs twice.
    """
    meanings, implied = _read_items(directory / _ITEMS_FILE)
    requirements: dict[str, Requirement] = {}
    for file in sorted(directory.iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".toml") or file.name == _ITEMS_FILE:
            continue
        for entry in _entries(file, "requirement"):
            requirement = _requirement(entry, meanings)
            if requirement.id in requirements:
                raise entry.error("id", "an id used before", "an id of its own")
            requirements[requirement.id] = requirement
    if not requirements:
        raise CatalogueError(f"{directory.name}: found no requirement, expected one or more")
    return Catalogue(
        requirements=MappingProxyType(requirements),
        items=MappingProxyType(meanings),
        implications=MappingProxyType(implied),
    )


@functools.cache
def _shipped() -> Catalogue:
    """Read the files of this package, once."""
    return read(resources.files("harness.requirements"))


def _requirement(entry: _Entry, meanings: Mapping[str, str]) -> Requirement:
    """Check one table and make a requirement of it."""
    entry.check_keys(_NEEDED, _ALLOWED)
    pics = entry.text("pics")
    if pics not in meanings:
        raise entry.error("pics", repr(pics), f"an item of {_ITEMS_FILE}")
    return Requirement(
        id=entry.text("id"),
        title=entry.text("title"),
        level=entry.member("level", Level),
        evidence=entry.member("evidence", Evidence),
        source=entry.text("source"),
        judge=entry.member("judge", Judge),
        stimulus=entry.text("stimulus"),
        expected=entry.text("expected"),
        pics=pics,
        accept=entry.texts("accept") if "accept" in entry.table else (),
        switches=entry.texts("switches") if "switches" in entry.table else (),
        note=entry.text("note") if "note" in entry.table else "",
        uncovered=entry.text("uncovered") if "uncovered" in entry.table else "",
    )


def _read_items(file: Traversable) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Read the PICS items: their meanings, and what each implies, near and far."""
    needed = frozenset({"id", "about"})
    meanings: dict[str, str] = {}
    implied: dict[str, tuple[str, ...]] = {}
    for entry in _entries(file, "item"):
        entry.check_keys(needed, needed | {"implies"})
        item = entry.text("id")
        if item in meanings:
            raise entry.error("id", "an id used before", "an id of its own")
        near = entry.texts("implies") if "implies" in entry.table else ()
        for each in near:
            if each not in meanings:
                raise entry.error("implies", repr(each), "an item that stands above it")
        far = (one for each in near for one in implied.get(each, ()))
        if near:
            implied[item] = tuple(dict.fromkeys((*near, *far)))
        meanings[item] = entry.text("about")
    return meanings, implied


def _entries(file: Traversable, kind: str) -> Iterator[_Entry]:
    """Yield the tables of a file, which must hold one array of tables and nothing else."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # no file, no UTF-8, no TOML
        raise CatalogueError(f"{file.name}: found {error}, expected a file of TOML") from error
    tables = document.get(kind)
    if set(document) != {kind} or not isinstance(tables, list):
        found = ", ".join(document) or "nothing"
        raise CatalogueError(f"{file.name}: found {found}, expected only tables [[{kind}]]")
    for number, table in enumerate(tables, start=1):
        if not isinstance(table, dict):
            raise CatalogueError(f"{file.name}: found {table!r}, expected a table [[{kind}]]")
        yield _Entry(file=file.name, name=str(table.get("id", f"{kind} {number}")), table=table)
