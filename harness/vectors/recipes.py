"""Make octets of recipes: a base, other parameters for it, and edits, for any device's identity.

A recipe is ``{"base", "build"?, "edits"?, "sha256"}`` or literal octets, ``{"hex"}``. The digest is
that of the rendering for the reference identity, so that a generator that drifts is noticed.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from emulator.contract import Identity
from emulator.errors import HanoverError
from emulator.image.build import build
from emulator.image.edits import apply
from emulator.wire.ota_file import Container, Element
from harness.firmware import filler
from harness.vectors.bases import Base, KeyRing, canonical, load_base, reference_identity
from harness.vectors.load import shown
from harness.vectors.model import Vector, VectorError

#: Renderings that are kept: a base is used again and again, an edited file hardly ever.
_KEPT = 256
#: A value of the device's own, or one near it: ``own``, ``own+1``, ``own-2``.
_OWN = re.compile(r"own(?:([+-])(\d+))?")
_KEYS = KeyRing()


def render(
    image: Mapping[str, Any], identity: Identity | None = None, folder: Path | None = None
) -> bytes:
    """Return the octets of a recipe.

    Args:
        image: The recipe.
        identity: The device that the file is for; None: the reference.
        folder: The folder of vectors whose bases come before our own; None: ours alone.

    Raises:
        VectorError: The recipe has no such base, or a parameter or an edit of no use.
    """
    device = reference_identity() if identity is None else identity
    if "hex" in image:
        return bytes.fromhex(image["hex"])
    base = load_base(image["base"], folder)
    honest = _honest(base, image.get("build", {}), device)
    edits = image.get("edits", ())
    if not edits:
        return honest
    return _edited(canonical(edits), honest)


def render_vector(vector: Vector, identity: Identity | None = None) -> bytes:
    """Return the octets of a vector's image; a complaint names the vector.

    Raises:
        VectorError: As ``render``.
    """
    try:
        return render(vector.body["image"], identity, vector.folder)
    except VectorError as error:
        field = error.field if error.field.startswith("image") else f"image.{error.field}"
        raise vector.error(field, error.found, error.wanted) from None


def honest(
    name: str,
    changes: Mapping[str, Any],
    identity: Identity | None = None,
    folder: Path | None = None,
) -> bytes:
    """Return the file of a base, with other parameters, and with nothing wrong with it.

    Raises:
        VectorError: As ``render``.
    """
    return render({"base": name, "build": changes}, identity, folder)


def digest(image: Mapping[str, Any], folder: Path | None = None) -> str:
    """Return the SHA-256, in hex, of a recipe's octets for the reference identity.

    Raises:
        VectorError: As ``render``.
    """
    return hashlib.sha256(render(image, None, folder)).hexdigest()


def _honest(base: Base, changes: Mapping[str, Any], identity: Identity) -> bytes:
    parameters = canonical({**base.build, **changes})
    built = _built(parameters, identity)
    return _edited(canonical(base.edits), built) if base.edits else built


@lru_cache(maxsize=_KEPT)
def _edited(edits: str, octets: bytes) -> bytes:
    """Return octets after edits; the text of the edits and the octets are all that counts."""
    try:
        return apply(octets, json.loads(edits), _KEYS)
    except HanoverError as error:
        raise VectorError("", "", "edits", str(error), "edits that can be made") from None


@lru_cache(maxsize=_KEPT)
def _built(parameters: str, identity: Identity) -> bytes:
    given = json.loads(parameters)
    values: dict[str, Any] = {
        "manufacturer": identity.manufacturer,
        "image_type": identity.image_type,
    }
    for name, value in given.items():
        reader = _READERS.get(name)
        if reader is None:
            raise _wrong(name, "a parameter of no use", f"one of {', '.join(_READERS)}")
        values[name] = reader(name, value, identity)
    if isinstance(payload := given.get("payload"), int):
        values["payload"] = filler(payload, values.get("version", 0))
    for name in ("payload", "version"):
        if name not in values:
            raise _wrong(name, "nothing", "a value")
    try:
        return build(**values)
    except (HanoverError, ValueError) as error:
        raise _wrong("", str(error), "parameters that go together") from None


def _wrong(name: str, found: str, wanted: str) -> VectorError:
    return VectorError("", "", f"build.{name}".rstrip("."), found, wanted)


# The parameters: what a file has, and what ``build`` takes.


def number(value: object) -> int | None:
    """Return a number of a recipe, a JSON number or a text such as ``0x02000000``; None: none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    try:
        return int(value, 0) if isinstance(value, str) else None
    except ValueError:
        return None


def own(value: object, held: int) -> int | None:
    """Return a number that may be the device's own, or near it: ``own+1``; None: no number."""
    found = _OWN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return number(value)
    sign, distance = found.groups()
    return held + (int(f"{sign}{distance}") if sign else 0)


def _number(name: str, value: object, identity: Identity) -> int | None:
    if value is None:
        return None
    found = number(value)
    if found is None:
        raise _wrong(name, shown(value), "a number")
    return found


def _near(field: str) -> "_Reader":
    """Return what reads a number that may be relative to one of the device's own."""

    def read(name: str, value: object, identity: Identity) -> int | None:
        if value is None:
            return None
        found = own(value, getattr(identity, field))
        if found is None:
            raise _wrong(name, shown(value), "a number, or own, own+1, own-1 and so on")
        return found

    return read


def _pair(reader: "_Reader") -> "_Reader":
    def read(name: str, value: object, identity: Identity) -> tuple[Any, Any] | None:
        if value is None:
            return None
        if not isinstance(value, list) or len(value) != 2:
            raise _wrong(name, shown(value), "a list of two numbers")
        return reader(name, value[0], identity), reader(name, value[1], identity)

    return read


def _truth(name: str, value: object, identity: Identity) -> bool:
    if not isinstance(value, bool):
        raise _wrong(name, shown(value), "true or false")
    return value


def _container(name: str, value: object, identity: Identity) -> Container:
    if value not in tuple(Container):
        raise _wrong(name, shown(value), f"one of {', '.join(Container)}")
    return Container(str(value))


def _text(name: str, value: object, identity: Identity) -> str:
    if not isinstance(value, str):
        raise _wrong(name, shown(value), "a text")
    return value


def _payload(name: str, value: object, identity: Identity) -> bytes:
    """Read literal octets; a number of octets is filled in once the version is known."""
    if isinstance(value, int) and not isinstance(value, bool):
        return b""
    return _octets(name, value)


def _octets(name: str, value: object) -> bytes:
    try:
        return bytes.fromhex(value if isinstance(value, str) else "?")
    except ValueError:
        raise _wrong(name, shown(value), "octets in hex") from None


def _elements(name: str, value: object, identity: Identity) -> tuple[Element, ...]:
    rows = value if isinstance(value, list) else [value]
    made = []
    for row in rows:
        told = row if isinstance(row, dict) and row.keys() == {"tag", "data"} else {}
        tag = number(told.get("tag"))
        if tag is None:
            raise _wrong(name, shown(value), "a list of objects with tag and data")
        made.append(Element(tag, _octets(name, told["data"])))
    return tuple(made)


_Reader = Callable[[str, Any, Identity], Any]
_READERS: Mapping[str, _Reader] = {
    "payload": _payload,
    "manufacturer": _near("manufacturer"),
    "image_type": _near("image_type"),
    "version": _number,
    "hardware": _pair(_near("hardware_version")),
    "destination": _near("eui64"),
    "credential_version": _number,
    "stack_version": _number,
    "header_string": _text,
    "security_counter": _number,
    "traits": _number,
    "link_protocol": _pair(_number),
    "container": _container,
    "manifest": _truth,
    "integrity": _truth,
    "elements": _elements,
}
#: The parameters that a recipe may set.
PARAMETERS: Sequence[str] = tuple(_READERS)
