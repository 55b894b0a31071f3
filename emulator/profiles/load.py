"""Build profiles from TOML, and variants of profiles; the model's annotations say how.

Nothing here touches the file system but the package's own data: a user's file is read by the
harness, which hands its text to ``parse``. Every complaint is a ``ProfileError`` of one line:
origin, dotted key, found, expected.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from functools import cache, lru_cache
from importlib import resources
from types import NoneType
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from emulator.errors import ProfileError, did_you_mean
from emulator.profiles.model import KEYS_NOT_YET, NOT_YET, Profile
from emulator.profiles.section import range_of, refuse

T = TypeVar("T")

#: Characters of a found value that a message shows.
_LONGEST = 60

#: What TOML calls its types, for messages.
_KINDS: dict[type, str] = {bool: "true or false", int: "an integer", str: "a string"}


def names() -> tuple[str, ...]:
    """Return the names of the built-in profiles, sorted."""
    folder = resources.files(__package__)
    files = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return tuple(name.removesuffix(".toml").upper() for name in files)


@cache
def load(name: str) -> Profile:
    """Return a built-in profile by its name, in any case.

    Raises:
        ProfileError: There is no built-in profile of this name.
    """
    if name.upper() not in names():
        raise ProfileError(
            f"{name}: no such profile; there are {', '.join(names())}{did_you_mean(name, names())}"
        )
    file = f"{name.lower()}.toml"
    return parse(resources.files(__package__).joinpath(file).read_text("utf-8"), file)


def parse(text: str, origin: str) -> Profile:
    """Build the profile that a TOML text describes.

    Args:
        text: The whole document.
        origin: Where it came from; each message begins with it.

    Raises:
        ProfileError: The text is no TOML, or a key is unknown, missing, of the wrong type or out of
            range, or a value or key is known and not yet supported.
    """
    try:
        document = tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, or an integer of thousands of digits
        raise ProfileError(f"{origin}: not TOML: {error}") from None
    except RecursionError:
        raise ProfileError(f"{origin}: not TOML that is read here: nested too deep") from None
    try:
        return _table(Profile, document, "")
    except ProfileError as error:
        raise ProfileError(f"{origin}: {error}") from None


def overlay(profile: Profile, changes: Mapping[str, object]) -> Profile:
    """Return a variant of a profile, under the same checks.

    Args:
        profile: Where the variant starts from.
        changes: New values by dotted key, as in ``{"ota.block_size_octets": 50}``. A table may be
            given whole (``"sleep": {...}``) and an optional one be taken away with None.

    Raises:
        ProfileError: As ``parse``; the message begins with the profile's name.
    """
    try:
        text = json.dumps(changes)
    except (TypeError, ValueError):  # what no document can hold: the checks say so
        return _overlaid(profile, changes)
    return _kept_overlay(profile, text)


@lru_cache(maxsize=256)
def _kept_overlay(profile: Profile, changes: str) -> Profile:
    """Return a variant that was asked for before without checking it again."""
    return _overlaid(profile, json.loads(changes))


def _overlaid(profile: Profile, changes: Mapping[str, object]) -> Profile:
    document = plain(profile)
    try:
        for key, value in changes.items():
            _put(document, key, value)
        return _table(Profile, document, "")
    except ProfileError as error:
        raise ProfileError(f"{profile.name}: {error}") from None


def plain(profile: Profile) -> dict[str, Any]:
    """Return the profile as a TOML or JSON document holds it; absent tables are left out."""
    return _plain(profile)


def changed_keys(one: Profile, other: Profile) -> tuple[str, ...]:
    """Return the dotted keys in which two profiles differ, each with the other's value."""
    ours, theirs = _flat(plain(one), ""), _flat(plain(other), "")
    return tuple(
        f"{key} = {_shown(theirs.get(key, 'nothing'))}"
        for key in {**ours, **theirs}
        if ours.get(key) != theirs.get(key)
    )


def _flat(document: Mapping[str, Any], prefix: str) -> dict[str, object]:
    made: dict[str, object] = {}
    for name, value in document.items():
        key = prefix + name
        made |= _flat(value, f"{key}.") if isinstance(value, dict) else {key: value}
    return made


def _plain(section: Any) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for field in fields(section):
        value = getattr(section, field.name)
        if is_dataclass(value):
            document[field.name] = _plain(value)
        elif value is not None:
            document[field.name] = _plain_value(value)
    return document


def _plain_value(value: object) -> object:
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, tuple):
        return [_plain_value(item) for item in value]
    return value


def _put(document: dict[str, Any], key: str, value: object) -> None:
    """Set one dotted key; a table that is not there yet begins empty."""
    *path, last = key.split(".")
    table = document
    for index, part in enumerate(path):
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise ProfileError(f"{key}: {'.'.join(path[: index + 1])} is a value, not a table")
    if value is None:
        table.pop(last, None)
    else:
        table[last] = _plain_value(value)


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _table(kind: type[T], document: Mapping[str, object], prefix: str) -> T:
    """Build one dataclass of the model from one table."""
    declared: dict[str, Field[Any]] = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]  # each is a dataclass
    hints = _hints(kind)  # type: ignore[arg-type]  # a class has a hash
    for name, value in document.items():
        if prefix + name in KEYS_NOT_YET:
            expected = f"no such key: {KEYS_NOT_YET[prefix + name]} is not yet supported"
            refuse(prefix + name, _shown(value), expected)
        if name not in declared:
            raise ProfileError(f"{prefix}{name}: unknown key{did_you_mean(name, declared)}")
    values: dict[str, Any] = {}
    for name, field in declared.items():
        if name in document:
            values[name] = _value(hints[name], document[name], prefix + name)
        elif field.default is MISSING:
            refuse(prefix + name, "nothing", _expected(hints[name]))
    return kind(**values)


def _value(hint: Any, value: object, key: str) -> object:
    """Turn one TOML value into what the annotation asks for."""
    kind = _kind(hint)
    if get_origin(kind) is tuple:
        return _array(kind, value, key)
    if isinstance(kind, type) and is_dataclass(kind):
        if not isinstance(value, dict):
            refuse(key, _shown(value), "a table")
        return _table(kind, value, f"{key}.")
    if issubclass(kind, StrEnum):
        return _member(kind, value, key)
    if type(value) is not kind:  # an exact match: a bool is no integer here
        refuse(key, _shown(value), _expected(hint))
    return value


def _array(kind: Any, value: object, key: str) -> tuple[object, ...]:
    items = get_args(kind)
    endless = items[-1] is Ellipsis
    if not isinstance(value, list) or not (endless or len(value) == len(items)):
        refuse(key, _shown(value), _expected(kind))
    kinds = [items[0]] * len(value) if endless else items
    return tuple(
        _value(item, each, f"{key}[{index}]")
        for index, (item, each) in enumerate(zip(kinds, value, strict=True))
    )


def _member(kind: type[StrEnum], value: object, key: str) -> StrEnum:
    known = [str(member) for member in kind]
    if value in known:
        return kind(value)
    if isinstance(value, str) and value in NOT_YET.get(kind, ()):
        expected = f"one of {', '.join(known)} ({value} is not yet supported)"
        refuse(key, _shown(value), expected)
    guess = did_you_mean(value, known) if isinstance(value, str) else ""
    refuse(key, _shown(value), f"one of {', '.join(known)}{guess}")


def _kind(hint: Any) -> Any:
    """Strip the range mark and the "or nothing" from an annotation."""
    if NoneType in get_args(hint):
        hint = next(each for each in get_args(hint) if each is not NoneType)
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _expected(hint: Any) -> str:
    """Name the type that an annotation asks for."""
    kind = _kind(hint)
    if get_origin(kind) is tuple:
        items = get_args(kind)
        if items[-1] is Ellipsis:
            return f"an array, each {_expected(items[0])}"
        return f"an array of {len(items)} integers"
    if is_dataclass(kind):
        return "a table"
    if issubclass(kind, StrEnum):
        return f"one of {', '.join(kind)}"
    bound = range_of(hint)
    return _KINDS[kind] if bound is None else f"{_KINDS[kind]} in {bound}"


def _shown(value: object) -> str:
    """Show a value of a TOML document on one line, cut short where it is long."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, str | bool | list):
        text = json.dumps(value, ensure_ascii=False, default=str)
    else:
        text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
