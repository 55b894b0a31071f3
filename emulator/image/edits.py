"""Change the octets of a firmware file on purpose: the edit language of mutations and vectors.

An edit is a JSON object with exactly one verb; edits are made one after the other, and each finds
its place in what the ones before it left. A lie is an honest file and the edits that make it one.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType

from emulator.crypto.mmo import DIGEST_SIZE, aes_mmo
from emulator.errors import CryptoError, EditError, ImageError, WireError
from emulator.image.anchors import HEADER_OFFSETS, MANIFEST_OFFSETS, layout_of, locate
from emulator.image.keys import GbSigner, Signer
from emulator.image.sign import sign, with_certificate, with_signature, with_trailer
from emulator.units import Octets
from emulator.wire.codec import pack_integer, unpack_integer
from emulator.wire.manifest import ImageManifest
from emulator.wire.ota_file import ELEMENT_HEAD_SIZE, ElementHead, ElementTag

Edit = Mapping[str, object]
Keys = Mapping[str, Signer | GbSigner]
NO_KEYS: Keys = MappingProxyType({})

#: Octets that one integer of ``add`` may take.
_INTEGER_SIZES = range(1, 9)
#: Bits of a number in an edit; nothing in a file has as many.
_LONGEST_NUMBER = 128


def apply(data: bytes, edits: Sequence[Edit], keys: Keys = NO_KEYS) -> bytes:
    """Return the octets that a list of edits makes of a file.

    Args:
        data: The octets of the file, which need not be an honest one.
        edits: JSON objects with one verb each, made in order.
        keys: What ``certificate``, ``signature``, ``trailer`` and ``sign`` may name.

    Raises:
        EditError: An edit has no verb, a wrong value, or no place in the file; names its index and
            key. Nothing is changed by halves: there is no result then.
    """
    for index, edit in enumerate(edits):
        data = _apply_one(data, index, edit, keys)
    return data


def _apply_one(data: bytes, index: int, edit: object, keys: Keys) -> bytes:
    if not isinstance(edit, Mapping):
        raise EditError(f"edit {index}: found {_short(edit)}, wanted a JSON object")
    verb = _verb(index, edit)
    function, allowed = _VERBS[verb]
    unknown = sorted(str(key) for key in edit if key not in {verb, *allowed})
    if unknown:
        wanted = " and ".join((verb, *allowed))
        raise EditError(f"edit {index}: {unknown[0]}: found a key of no use, wanted {wanted} alone")
    try:
        return function(data, edit, keys)
    except EditError as error:
        raise EditError(f"edit {index}: {error}") from error
    except (WireError, ImageError, CryptoError) as error:
        raise EditError(f"edit {index}: {verb}: {error}") from error


def _verb(index: int, edit: Edit) -> str:
    verbs = [verb for verb in _VERBS if verb in edit]
    if len(verbs) != 1:
        found = ", ".join(verbs) or "none"
        raise EditError(f"edit {index}: found verbs {found}, wanted one of {', '.join(_VERBS)}")
    return verbs[0]


# Values of edits.


def _octets(edit: Edit, key: str) -> bytes:
    value = edit.get(key)
    try:
        return bytes.fromhex(value) if isinstance(value, str) else _refuse_octets(key, value)
    except ValueError as error:
        if isinstance(error, EditError):
            raise
        raise EditError(f"{key}: found {_short(value)}, wanted octets in hex") from error


def _refuse_octets(key: str, value: object) -> bytes:
    raise EditError(f"{key}: found {_short(value)}, wanted octets in hex")


def _integer(edit: Edit, key: str, default: int | None = None) -> int:
    """Return an integer of an edit, a JSON number or a string such as ``0x0003``."""
    value = number = edit.get(key, default)
    if isinstance(value, str):
        with suppress(ValueError):
            number = int(value, 0)
    if isinstance(number, bool) or not isinstance(number, int):
        raise EditError(f"{key}: found {_short(value)}, wanted a number")
    if number.bit_length() > _LONGEST_NUMBER:
        bits = number.bit_length()
        raise EditError(f"{key}: found a number of {bits} bits, wanted {_LONGEST_NUMBER} at most")
    return number


def _unsigned(edit: Edit, key: str, size: Octets) -> int:
    value = _integer(edit, key)
    if not 0 <= value < 1 << 8 * size:
        raise EditError(f"{key}: found {value}, wanted 0 to {(1 << 8 * size) - 1:#x}")
    return value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:36]} ..."


def _at(data: bytes, edit: Edit) -> Octets:
    if "at" not in edit:
        raise EditError("at: found nothing, wanted an offset or the name of a place")
    try:
        return locate(data, edit["at"])
    except EditError as error:
        raise EditError(f"at: {error}") from error


def _span(data: bytes, edit: Edit, key: str, size: Octets) -> tuple[Octets, Octets]:
    """Return where an edit's octets begin and end in the file."""
    at = _at(data, edit)
    if not 0 < size <= len(data) - at:
        raise EditError(f"{key}: found {size} octets at {at}, wanted 1 to {len(data) - at}")
    return at, at + size


def _spliced(data: bytes, at: Octets, octets: bytes, end: Octets) -> bytes:
    """Return the file with other octets from ``at`` to ``end``; one copy is all that it costs."""
    view = memoryview(data)
    return b"".join((view[:at], octets, view[end:]))


# Verbs that have a place.


def _xor(data: bytes, edit: Edit, keys: Keys) -> bytes:
    mask = _octets(edit, "xor")
    at, end = _span(data, edit, "xor", len(mask))
    mixed = bytes(a ^ b for a, b in zip(data[at:end], mask, strict=True))
    return _spliced(data, at, mixed, end)


def _put(data: bytes, edit: Edit, keys: Keys) -> bytes:
    octets = _octets(edit, "put")
    at, end = _span(data, edit, "put", len(octets))
    return _spliced(data, at, octets, end)


def _insert(data: bytes, edit: Edit, keys: Keys) -> bytes:
    octets, at = _octets(edit, "insert"), _at(data, edit)
    return _spliced(data, at, octets, at)


def _remove(data: bytes, edit: Edit, keys: Keys) -> bytes:
    at, end = _span(data, edit, "remove", _integer(edit, "remove"))
    return _spliced(data, at, b"", end)


def _reverse(data: bytes, edit: Edit, keys: Keys) -> bytes:
    at, end = _span(data, edit, "reverse", _integer(edit, "reverse"))
    return _spliced(data, at, data[at:end][::-1], end)


def _add(data: bytes, edit: Edit, keys: Keys) -> bytes:
    size = _integer(edit, "size", 4)
    if size not in _INTEGER_SIZES:
        raise EditError(f"size: found {size}, wanted 1 to {_INTEGER_SIZES[-1]} octets")
    at, end = _span(data, edit, "size", size)
    number = (unpack_integer(data[at:end]) + _integer(edit, "add")) % (1 << 8 * size)
    return _spliced(data, at, pack_integer(number, size), end)


# Verbs that have none.


def _append(data: bytes, edit: Edit, keys: Keys) -> bytes:
    return data + _octets(edit, "append")


def _prepend(data: bytes, edit: Edit, keys: Keys) -> bytes:
    return _octets(edit, "prepend") + data


def _keep(data: bytes, edit: Edit, keys: Keys) -> bytes:
    asked = _integer(edit, "keep")
    size = asked if asked >= 0 else len(data) + asked
    if not 0 <= size <= len(data):
        raise EditError(f"keep: found {asked}, wanted {-len(data)} to {len(data)}")
    return data[:size]


def _element(data: bytes, edit: Edit, keys: Keys) -> bytes:
    element = edit["element"]
    if not isinstance(element, Mapping):
        raise EditError(f"element: found {_short(element)}, wanted an object with tag and data")
    unknown = sorted(str(key) for key in element if key not in {"tag", "data", "size"})
    if unknown:
        raise EditError(f"element.{unknown[0]}: found a key of no use, wanted tag, data and size")
    try:
        tag, body = _unsigned(element, "tag", 2), _octets(element, "data")
        size = _unsigned(element, "size", 4) if "size" in element else len(body)
    except EditError as error:
        raise EditError(f"element.{error}") from error
    return b"".join((data, ElementHead(tag=tag, size=size).encode(), body))


def _refit(data: bytes, edit: Edit, keys: Keys) -> bytes:
    what = edit["refit"]
    if not isinstance(what, str) or what not in _REFITS:
        raise EditError(f"refit: found {_short(what)}, wanted one of {', '.join(_REFITS)}")
    return _REFITS[what](data)


def _refit_size(data: bytes) -> bytes:
    start = layout_of(data).start
    at = start + HEADER_OFFSETS["total_size"]
    return _spliced(data, at, pack_integer(len(data) - start, 4), at + 4)


def _refit_integrity(data: bytes) -> bytes:
    return _with_integrity(data, covered=0)


def _refit_integrity_with_head(data: bytes) -> bytes:
    return _with_integrity(data, covered=ELEMENT_HEAD_SIZE)


def _with_integrity(data: bytes, covered: Octets) -> bytes:
    """Compute every integrity code of 16 octets anew; ``covered`` octets of its head included."""
    layout, fitted, found = layout_of(data), bytearray(data), False
    for at, element in zip(layout.file.offsets(), layout.file.elements, strict=True):
        if element.tag == ElementTag.INTEGRITY_CODE and len(element.data) == DIGEST_SIZE:
            end, found = at + element.size, True
            with memoryview(fitted) as view, view[layout.start : at + covered] as part:
                digest = aes_mmo(part)
            fitted[end - DIGEST_SIZE : end] = digest
    if not found:
        raise EditError(f"refit: found no integrity code, wanted one of {DIGEST_SIZE} octets")
    return bytes(fitted)


def _refit_manifest(data: bytes) -> bytes:
    layout = layout_of(data)
    at, image = layout.manifest, layout.file.image
    if at is None or image is None or len(image) < ImageManifest.SHORTEST:
        raise EditError("refit: found no image manifest, wanted one")
    payload = memoryview(image)[ImageManifest.SHORTEST :]
    view, digest = memoryview(data), hashlib.sha256(payload)
    length = at + MANIFEST_OFFSETS["payload_length"]
    place = at + MANIFEST_OFFSETS["payload_digest"]
    parts = (
        *(view[:length], pack_integer(len(payload), 4), view[length + 4 : place]),
        *(digest.digest(), view[place + digest.digest_size :]),
    )
    return b"".join(parts)


_REFITS: dict[str, Callable[[bytes], bytes]] = {
    "size": _refit_size,
    "integrity": _refit_integrity,
    "integrity-with-head": _refit_integrity_with_head,
    "manifest": _refit_manifest,
}


# Verbs that have a key.


def _key(edit: Edit, verb: str, keys: Keys) -> Signer | GbSigner:
    name = edit[verb]
    if not isinstance(name, str) or name not in keys:
        known = ", ".join(keys) or "none is given"
        raise EditError(f"{verb}: found key {_short(name)}, wanted one of: {known}")
    return keys[name]


def _device_key(edit: Edit, verb: str, keys: Keys) -> Signer:
    key = _key(edit, verb, keys)
    if not isinstance(key, Signer):
        raise EditError(f"{verb}: found a {type(key).__name__}, wanted a Signer of suite 1 or 2")
    return key


def _certificate(data: bytes, edit: Edit, keys: Keys) -> bytes:
    return with_certificate(data, _device_key(edit, "certificate", keys))


def _signature(data: bytes, edit: Edit, keys: Keys) -> bytes:
    key = _device_key(edit, "signature", keys)
    signer = _unsigned(edit, "as", 8) if "as" in edit else None
    behind = _unsigned(edit, "behind", 2) if "behind" in edit else 0
    longer = _unsigned(edit, "longer", 2) if "longer" in edit else 0
    return with_signature(data, key, signer_eui64=signer, behind=behind, longer=longer)


def _trailer(data: bytes, edit: Edit, keys: Keys) -> bytes:
    key = _key(edit, "trailer", keys)
    if not isinstance(key, GbSigner):
        raise EditError(f"trailer: found a {type(key).__name__}, wanted a GbSigner")
    return with_trailer(data, key)


def _sign(data: bytes, edit: Edit, keys: Keys) -> bytes:
    return sign(data, _key(edit, "sign", keys))


_Verb = Callable[[bytes, Edit, Keys], bytes]

#: Each verb: what it does, and the other keys that it takes.
_VERBS: dict[str, tuple[_Verb, tuple[str, ...]]] = {
    "xor": (_xor, ("at",)),
    "put": (_put, ("at",)),
    "insert": (_insert, ("at",)),
    "remove": (_remove, ("at",)),
    "reverse": (_reverse, ("at",)),
    "add": (_add, ("at", "size")),
    "append": (_append, ()),
    "keep": (_keep, ()),
    "prepend": (_prepend, ()),
    "element": (_element, ()),
    "refit": (_refit, ()),
    "certificate": (_certificate, ()),
    "signature": (_signature, ("as", "behind", "longer")),
    "trailer": (_trailer, ()),
    "sign": (_sign, ()),
}

#: The verbs of the language, for those who describe it.
VERBS: tuple[str, ...] = tuple(_VERBS)
