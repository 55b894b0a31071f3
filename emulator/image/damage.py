"""Make the edits that damage a file: fixed ones, and those that look at the file or draw.

What damage needs and a file lacks is an EditError with what was found and what was wanted.
"""

from collections.abc import Callable, Sequence

from emulator.crypto import p256
from emulator.crypto.suites import FACTS, Suite
from emulator.errors import EditError
from emulator.image.anchors import Layout
from emulator.image.edits import Edit
from emulator.units import Octets, Rng
from emulator.wire.codec import pack_integer
from emulator.wire.manifest import ImageManifest
from emulator.wire.ota_file import ELEMENT_HEAD_SIZE, Container, Element, ElementTag
from emulator.wire.ota_findings import (
    HUE_MANUFACTURER,
    HUE_START,
    SIGNATURES,
    TELINK_MANUFACTURER,
    TELINK_TAG,
)

Edits = Sequence[Edit]
Make = Callable[[Layout, Rng], Edits]

SIZE: Edit = {"refit": "size"}
INTEGRITY: Edit = {"refit": "integrity"}
CERTIFICATES = frozenset({ElementTag.CERTIFICATE_SUITE_1, ElementTag.CERTIFICATE_SUITE_2})
#: The key that a mutation which signs asks for.
KEY = "key"
_BITS = 8
#: Octets of the old image that a made-up Hue image keeps.
LONGEST_HUE: Octets = 4096


# What edits are made from.


def fixed(*edits: Edit) -> Make:
    """Return what makes the same edits in every file; their anchors find the places."""
    return lambda layout, rng: edits


def field(name: str, octets: str) -> Make:
    """Return what puts other octets into a header or manifest field."""
    return fixed({"at": name, "put": octets})


def plus(name: str, number: int, size: Octets) -> Make:
    """Return what adds to an integer of ``size`` octets at an anchor."""
    return fixed({"at": name, "add": number, "size": size})


def _flip(at: Octets, end: Octets, rng: Rng) -> Edit:
    """Return the edit that flips one bit of a range."""
    if at >= end:
        raise EditError("found no octet to flip, wanted one at least")
    return {"at": rng.randrange(at, end), "xor": f"{1 << rng.randrange(0, _BITS):02x}"}


def _first(layout: Layout, tags: frozenset[ElementTag], what: str) -> tuple[Octets, Element]:
    """Return the first element with one of some tags, and where its head stands."""
    for at, element in zip(layout.file.offsets(), layout.file.elements, strict=True):
        if element.tag in tags:
            return at, element
    raise EditError(f"found no {what}, wanted a file with one")


def _suite(layout: Layout) -> Suite:
    _, element = _first(layout, SIGNATURES, "signature element")
    return next(suite for suite in Suite if FACTS[suite].signature_tag == element.tag)


def _numbers(layout: Layout) -> tuple[Octets, Octets]:
    """Return where r stands, and the octets of r or s."""
    at = layout.signature
    if at is None:
        raise EditError("found no signature, wanted a signed file")
    if layout.file.signature is not None:
        return at, len(layout.file.signature) // 2
    return at, FACTS[_suite(layout)].scalar_size


def _order(layout: Layout) -> int:
    if layout.file.signature is not None:
        return p256.N
    return FACTS[_suite(layout)].curve.n


def raw(make: Make) -> Make:
    """Return the same for raw containers only."""

    def made(layout: Layout, rng: Rng) -> Edits:
        if layout.file.container is not Container.GBCS:
            raise EditError("found sub-elements, wanted a raw container")
        return make(layout, rng)

    return made


def tagged(make: Make) -> Make:
    """Return the same for files of sub-elements only."""

    def made(layout: Layout, rng: Rng) -> Edits:
        if layout.file.container is not Container.ZCL:
            raise EditError("found a raw container, wanted sub-elements")
        return make(layout, rng)

    return made


# Damage of any file.


def magic(layout: Layout, rng: Rng) -> Edits:
    """Flip one bit of the magic."""
    return (_flip(layout.start, layout.start + 4, rng),)


def image_bit(layout: Layout, rng: Rng) -> Edits:
    """Flip one bit of the upgrade image, and nothing else."""
    at, image = layout.image, layout.file.image
    if at is None or not image:
        raise EditError("found no upgrade image, wanted one")
    return (_flip(at, at + len(image), rng),)


def payload_bit(layout: Layout, rng: Rng) -> Edits:
    """Flip a bit of the payload and make all digests fit that need no key."""
    start = layout.manifest
    if start is None or not (image := layout.file.image):
        raise EditError("found no image manifest, wanted one")
    first = start + ImageManifest.SHORTEST
    edits: list[Edit] = [_flip(first, (layout.image or 0) + len(image), rng)]
    edits.append({"refit": "manifest"})
    return (*edits, *_refit_code(layout))


def _refit_code(layout: Layout) -> Edits:
    has = layout.element(ElementTag.INTEGRITY_CODE) is not None
    return (INTEGRITY,) if has else ()


def any_bit(layout: Layout, rng: Rng) -> Edits:
    """Flip one bit of the file."""
    return (_flip(0, len(layout.data), rng),)


def cut(layout: Layout, rng: Rng) -> Edits:
    """End the file somewhere behind the header."""
    first = layout.start + layout.file.header.size
    if first >= len(layout.data):
        raise EditError("found nothing behind the header, wanted something to cut")
    return ({"keep": rng.randrange(first, len(layout.data))},)


def cut_header(layout: Layout, rng: Rng) -> Edits:
    """End the file inside the header."""
    size = layout.file.header.size
    return ({"keep": layout.start + rng.randrange(1, size)},)


def noise(layout: Layout, rng: Rng) -> Edits:
    """Write over a few octets with others."""
    edits = []
    for _ in range(rng.randrange(1, 9)):
        at, octet = rng.randrange(0, len(layout.data)), rng.randrange(1, 256)
        edits.append({"at": at, "xor": f"{octet:02x}"})
    return edits


def header_only(layout: Layout, rng: Rng) -> Edits:
    """Keep the header, and say so in it."""
    return ({"keep": layout.start + layout.file.header.size}, SIZE)


def swapped_hardware(layout: Layout, rng: Rng) -> Edits:
    """Put the minimum hardware version above the maximum."""
    low, high = layout.file.header.minimum_hardware, layout.file.header.maximum_hardware
    if low is None or high is None:
        raise EditError("found no hardware range, wanted one in the header")
    if high == 0xFFFF:
        return (
            {"at": "minimum_hardware", "put": "ffff"},
            {"at": "maximum_hardware", "put": "feff"},
        )
    return ({"at": "minimum_hardware", "put": pack_integer(high + 1, 2).hex()},)


def without(tags: frozenset[ElementTag], what: str) -> Make:
    """Return what takes the first element with one of these tags out."""

    def make(layout: Layout, rng: Rng) -> Edits:
        at, element = _first(layout, tags, what)
        return ({"at": at, "remove": element.size}, SIZE)

    return make


def again(tags: frozenset[ElementTag], what: str) -> Make:
    """Return what puts the first element with one of these tags there twice."""

    def make(layout: Layout, rng: Rng) -> Edits:
        at, element = _first(layout, tags, what)
        return ({"at": at, "insert": element.encode().hex()}, SIZE)

    return make


def data_bit(tags: frozenset[ElementTag], what: str) -> Make:
    """Return what flips one bit in the data of the first element with one of these tags."""

    def make(layout: Layout, rng: Rng) -> Edits:
        at, element = _first(layout, tags, what)
        return (_flip(at + ELEMENT_HEAD_SIZE, at + element.size, rng),)

    return make


def last_length(number: int) -> Make:
    """Return what makes the length of the last element wrong by so much."""

    def make(layout: Layout, rng: Rng) -> Edits:
        if not layout.file.elements:
            raise EditError("found no sub-element, wanted one at least")
        return ({"at": layout.file.offsets()[-1] + 2, "add": number},)

    return make


def element(tag: int, octets: str, size: int | None = None) -> Make:
    """Return what puts an element before all others, with a lie in its length if ``size`` is."""

    def make(layout: Layout, rng: Rng) -> Edits:
        body = bytes.fromhex(octets)
        head = pack_integer(tag, 2) + pack_integer(len(body) if size is None else size, 4)
        at = layout.start + layout.file.header.size
        return ({"at": at, "insert": (head + body).hex()}, SIZE, *_refit_code(layout))

    return tagged(make)


def vendor_info(layout: Layout, rng: Rng) -> Edits:
    """Make the image Telink's encrypted element: two octets that the length leaves out."""
    maker = {"at": "manufacturer", "put": pack_integer(TELINK_MANUFACTURER, 2).hex()}
    at = layout.element(ElementTag.UPGRADE_IMAGE)
    if layout.file.container is not Container.ZCL or at is None:
        raise EditError("found no tag 0x0000, wanted one")
    tag = {"at": at, "put": pack_integer(TELINK_TAG, 2).hex()}
    info = {"at": at + ELEMENT_HEAD_SIZE, "insert": "0100"}
    return (maker, tag, info, SIZE, *_refit_code(layout))


def hue(layout: Layout, rng: Rng) -> Edits:
    """Make it a Hue image: the maker's code, and its code without sub-elements."""
    at, image = layout.start + layout.file.header.size, layout.file.image or b""
    start = {"at": at, "insert": (HUE_START + image[:LONGEST_HUE]).hex()}
    maker = {"at": "manufacturer", "put": pack_integer(HUE_MANUFACTURER, 2).hex()}
    return ({"keep": at}, maker, start, SIZE)


def tagged_image(layout: Layout, rng: Rng) -> Edits:
    """Put tag and length before a raw container's manufacturer image (GB-014)."""
    at, size = layout.start + layout.file.header.size, len(layout.file.body)
    head = pack_integer(ElementTag.UPGRADE_IMAGE, 2) + pack_integer(size, 4)
    return ({"keep": at + size}, {"at": at, "insert": head.hex()}, SIZE)


# Damage of signatures.


def signature_bit(layout: Layout, rng: Rng) -> Edits:
    """Flip one bit of r or s."""
    at, size = _numbers(layout)
    return (_flip(at, at + 2 * size, rng),)


def number(index: int, *, order: bool) -> Make:
    """Return what puts 0, or the order of the curve, into r (index 0) or s (index 1)."""

    def make(layout: Layout, rng: Rng) -> Edits:
        at, size = _numbers(layout)
        value = _order(layout) if order else 0
        return ({"at": at + index * size, "put": f"{value:0{2 * size}x}"},)

    return make


def exchanged(layout: Layout, rng: Rng) -> Edits:
    """Exchange r and s."""
    at, size = _numbers(layout)
    r, s = layout.data[at : at + size], layout.data[at + size : at + 2 * size]
    return ({"at": at, "put": (s + r).hex()},)


def negated(layout: Layout, rng: Rng) -> Edits:
    """Put n - s for s: the other signature of the same message, which verifies as well."""
    at, size = _numbers(layout)
    s = int(layout.data[at + size : at + 2 * size].hex(), 16)
    return ({"at": at + size, "put": f"{(_order(layout) - s) % _order(layout):0{2 * size}x}"},)


def signer(edit: Edit) -> Make:
    """Return what edits the signer's EUI64 in a signature element."""

    def make(layout: Layout, rng: Rng) -> Edits:
        at, _ = _first(layout, SIGNATURES, "signature element")
        return ({"at": at + ELEMENT_HEAD_SIZE, **edit},)

    return make


def certificate(name: str) -> Make:
    """Return what flips one bit of a certificate's field: ``subject``, ``issuer`` or ``point``."""

    def make(layout: Layout, rng: Rng) -> Edits:
        at, found = _first(layout, CERTIFICATES, "certificate element")
        start, size = _FIELDS[name][found.tag]
        place = at + ELEMENT_HEAD_SIZE + start
        return (_flip(place, place + size, rng),)

    return make


#: Where the fields of certificates stand, by tag: offset and octets (ota-cluster 6.2).
_FIELDS: dict[str, dict[int, tuple[Octets, Octets]]] = {
    "subject": {ElementTag.CERTIFICATE_SUITE_1: (22, 8), ElementTag.CERTIFICATE_SUITE_2: (28, 8)},
    "issuer": {ElementTag.CERTIFICATE_SUITE_1: (30, 8), ElementTag.CERTIFICATE_SUITE_2: (11, 8)},
    "point": {ElementTag.CERTIFICATE_SUITE_1: (1, 21), ElementTag.CERTIFICATE_SUITE_2: (38, 36)},
}


def signed_code(layout: Layout, rng: Rng) -> Edits:
    """Give a file an integrity code and sign it all the same (ota-cluster 6.3)."""
    if layout.signature is not None:
        raise EditError("found a signed file, wanted one that is not")
    code: Edits = ()
    if layout.element(ElementTag.INTEGRITY_CODE) is None:
        code = ({"element": {"tag": 3, "data": "00" * 16}}, SIZE)
    return (*code, {"certificate": KEY}, INTEGRITY, {"signature": KEY})


def false_signer(layout: Layout, rng: Rng) -> Edits:
    """Sign as somebody else than the certificate's subject."""
    if layout.signature is not None:
        raise EditError("found a signed file, wanted one that is not")
    return ({"certificate": KEY}, {"signature": KEY, "as": f"{rng.randrange(1, 1 << 64):#018x}"})


def behind_signature(layout: Layout, rng: Rng) -> Edits:
    """Put an element behind the signature."""
    _first(layout, SIGNATURES, "signature element")
    return ({"element": {"tag": 0xF123, "data": "0102"}}, SIZE)


def other_suite(layout: Layout, rng: Rng) -> Edits:
    """Give the signature element the tag of the other suite."""
    at, _ = _first(layout, SIGNATURES, "signature element")
    tag = next(FACTS[one].signature_tag for one in Suite if one is not _suite(layout))
    return ({"at": at, "put": pack_integer(tag, 2).hex()},)
