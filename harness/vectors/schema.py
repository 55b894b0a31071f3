"""Hold a file of vectors against the JSON Schema of its family, and say plainly what is wrong."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, relevance

from harness.data import vectors as shipped
from harness.vectors.load import schema_name, shown
from harness.vectors.model import VectorError

#: Folder of the schemas, in the folder of our own vectors.
SCHEMA = "schema"

#: What the schemas of several families refer to.
_SHARED = "recipe-1.json"
_KINDS = {
    "object": "an object",
    "array": "a list",
    "string": "a text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


def families() -> tuple[str, ...]:
    """Return the families that have a schema."""
    names = (path.name.removesuffix("-1.json") for path in _folder().glob("*-1.json"))
    return tuple(
        sorted(name.replace("-", "_") for name in names if name != _SHARED.removesuffix("-1.json"))
    )


def schema_errors(place: str, family: str, document: Mapping[str, Any]) -> Iterator[VectorError]:
    """Yield everything that the schema of a family says against a file of vectors.

    Args:
        place: What complaints call the file.
        family: Its family, which has a schema.
        document: What it holds.
    """
    for error in _validator(family).iter_errors(document):
        yield _complaint(place, document, error)


def _folder() -> Path:
    return shipped() / SCHEMA


@cache
def _validator(family: str) -> Draft202012Validator:
    """Return what checks a family; definitions that families share are taken into its schema."""
    text = (_folder() / f"{schema_name(family)}.json").read_text("utf-8")
    schema = json.loads(text.replace(f'"{_SHARED}#', '"#'))
    if _SHARED in text:
        shared = json.loads((_folder() / _SHARED).read_text("utf-8"))
        schema["$defs"] = {**shared["$defs"], **schema.get("$defs", {})}
    return Draft202012Validator(schema)


def _complaint(place: str, document: Mapping[str, Any], error: ValidationError) -> VectorError:
    """Return the innermost thing that is wrong, by id and field of the vector that it is in."""
    while error.context:
        error = _likeliest(error)
    path = list(error.absolute_path)
    id = ""
    if len(path) >= 2 and path[0] == "vectors" and isinstance(path[1], int):
        row = document["vectors"][path[1]]
        told = row.get("id") if isinstance(row, dict) else None
        id, path = (told, path[2:]) if isinstance(told, str) else ("", path)
    name, found, wanted = _said(error)
    return VectorError(place, id, _dotted([*path, *name]), found, wanted)


def _likeliest(error: ValidationError) -> ValidationError:
    """Return the complaint of the form that comes nearest: what fails deepest, and least."""
    forms: dict[object, list[ValidationError]] = {}
    for each in error.context or ():
        forms.setdefault(each.schema_path[0], []).append(each)
    nearest = min(forms.values(), key=lambda found: (-max(len(e.path) for e in found), len(found)))
    return min(nearest, key=lambda one: relevance(one))


def _said(error: ValidationError) -> tuple[list[str], str, str]:
    """Return the name of the field below the path, what was found, and what was wanted."""
    kind, value = str(error.validator), error.validator_value
    if kind == "additionalProperties" and isinstance(error.instance, dict):
        known = error.schema.get("properties", {}) if isinstance(error.schema, Mapping) else {}
        odd = next(name for name in error.instance if name not in known)
        return [odd], "an unknown field", f"one of {', '.join(known)}"
    if kind == "required" and isinstance(error.instance, dict) and isinstance(value, Sequence):
        missing = next(name for name in value if name not in error.instance)
        return [missing], "nothing", "a value"
    return [], shown(error.instance), _wanted(kind, value)


def _wanted(kind: str, value: Any) -> str:  # noqa: ANN401 - any part of a schema
    if kind == "type":
        kinds = [value] if isinstance(value, str) else value
        return " or ".join(_KINDS.get(each, each) for each in kinds)
    if kind == "enum":
        return f"one of {', '.join(map(str, value))}"
    if kind == "const":
        return shown(value)
    if kind == "pattern":
        return f"a text like {value}"
    names = {
        "minItems": "at least {} of them",
        "maxItems": "at most {} of them",
        "minProperties": "at least {} field",
        "minLength": "{} characters or more",
        "maxLength": "{} characters at most",
        "minimum": "{} or more",
        "maximum": "{} at most",
        "uniqueItems": "each one once",
        "oneOf": "exactly one of the forms that the schema has",
        "not": "none of what the schema rules out here",
    }
    return names.get(kind, f"{kind} {{}}").format(value)


def _dotted(path: Sequence[object]) -> str:
    made = ""
    for part in path:
        made += f"[{part}]" if isinstance(part, int) else f".{part}" if made else str(part)
    return made
