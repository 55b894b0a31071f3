"""Break firmware files on purpose: each mutation has a name, one thing that it breaks, its clause.

A mutation is a list of edits, so that it can be printed, kept in a vector and made again. The same
file, name and seed give the same octets. Where a file lacks what a mutation breaks, an EditError
says so. What a signature covers, no mutation signs anew, unless it says that it takes a key.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from emulator.errors import EditError, WireError
from emulator.image import damage
from emulator.image.anchors import layout_of
from emulator.image.damage import KEY, Edits, Make, field, fixed, plus, raw, tagged
from emulator.image.edits import NO_KEYS, Edit, Keys, apply
from emulator.units import Rng
from emulator.wire.ota_file import ElementTag
from emulator.wire.ota_findings import SIGNATURES


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """Be one way to break a file.

    Args:
        name: For ever.
        about: What it does, in one line.
        clause: What the broken file violates.
        make: The edits of a file; what they need and the file lacks is an EditError.
        keyed: Whether the edits sign, with the key called ``KEY``.
    """

    name: str
    about: str
    clause: str
    make: Make
    keyed: bool = False


def edits_of(name: str, data: bytes, rng: Rng) -> Edits:
    """Return the edits that a mutation makes in a file.

    Args:
        name: Of the mutation.
        data: The octets of the file.
        rng: Where places, bits and lengths are drawn from.

    Raises:
        EditError: There is no such mutation, or the file lacks what it breaks.
    """
    mutation = MUTATIONS.get(name)
    if mutation is None:
        raise EditError(f"mutation {name}: found none of that name, wanted one that is listed")
    try:
        return tuple(mutation.make(layout_of(data), rng))
    except (EditError, WireError) as error:
        raise EditError(f"mutation {name}: {error}") from error


def mutate(name: str, data: bytes, rng: Rng, keys: Keys = NO_KEYS) -> bytes:
    """Return the octets of a file after a mutation; they differ from what they were.

    Raises:
        EditError: As ``edits_of``; or a place or key is missing, or nothing changed.
    """
    edits = edits_of(name, data, rng)
    if MUTATIONS[name].keyed and KEY not in keys:
        raise EditError(f"mutation {name}: found no key, wanted one to sign with")
    try:
        mutated = apply(data, edits, keys)
    except EditError as error:
        raise EditError(f"mutation {name}: {error}") from error
    if mutated == data:
        raise EditError(f"mutation {name}: found nothing to change, wanted a file that differs")
    return mutated


_SIZE: Edit = {"refit": "size"}
_IMAGE = frozenset({ElementTag.UPGRADE_IMAGE})
_CODES = frozenset({ElementTag.INTEGRITY_CODE})
_CODE = "integrity code"
_WIDE: tuple[Edit, ...] = (
    {"at": "minimum_hardware", "put": "0000"},
    {"at": "maximum_hardware", "put": "ffff"},
)
_SHORT_CODE: tuple[Edit, ...] = (
    {"at": "element:0x0003+2", "put": "0f000000"},
    {"at": "data:0x0003", "remove": 1},
    _SIZE,
)
_BOTH: tuple[Edit, ...] = (
    {"element": {"tag": 2, "data": "00" * 48}},
    {"element": {"tag": 6, "data": "00" * 74}},
    _SIZE,
)

_HEADER: tuple[tuple[str, str, str, Make], ...] = (
    ("magic", "flip one bit of the magic", "11.4.2.1", damage.magic),
    ("wrapper", "put 100 octets before the magic", "11.4.2.1", fixed({"prepend": "5a" * 100})),
    ("header-version", "header version 0x0101", "11.4.2.2", field("header_version", "0101")),
    ("thread-header", "header version 0x0200", "11.4.2.2", field("header_version", "0002")),
    ("header-length-plus-one", "header length + 1", "11.4.2.3", plus("header_length", 1, 2)),
    ("header-length-minus-one", "header length - 1", "11.4.2.3", plus("header_length", -1, 2)),
    ("control-reserved", "turn bit 3", "11.4.2.4", fixed({"at": "control", "xor": "08"})),
    ("control-credential", "turn bit 0", "11.4.2.4", fixed({"at": "control", "xor": "01"})),
    ("control-destination", "turn bit 1", "11.4.2.4", fixed({"at": "control", "xor": "02"})),
    ("control-hardware", "turn bit 2", "11.4.2.4", fixed({"at": "control", "xor": "04"})),
    ("manufacturer", "the next maker's code", "11.4.2.5", plus("manufacturer", 1, 2)),
    ("manufacturer-wildcard", "maker's code 0xffff", "11.4.2.5", field("manufacturer", "ffff")),
    ("image-type", "the next image type", "11.4.2.6", plus("image_type", 1, 2)),
    ("image-type-reserved", "image type 0xffc4", "11.4.2.6", field("image_type", "c4ff")),
    ("image-type-wildcard", "image type 0xffff", "11.4.2.6", field("image_type", "ffff")),
    ("image-type-credentials", "image type 0xffc0", "11.4.2.6", field("image_type", "c0ff")),
    ("version-plus-one", "header's file version + 1", "11.4.2.7", plus("file_version", 1, 4)),
    ("version-minus-one", "header's file version - 1", "11.4.2.7", plus("file_version", -1, 4)),
    ("version-wildcard", "file version 0xffffffff", "11.4.2.7", field("file_version", "f" * 8)),
    ("stack-version", "stack version 0x00ff", "11.4.2.8", field("stack_version", "ff00")),
    ("header-string", "neither text nor NUL", "11.4.2.9", field("header_string", "ff" * 32)),
    ("size-plus-one", "total size + 1", "11.4.2.10", plus("total_size", 1, 4)),
    ("size-minus-one", "total size - 1", "11.4.2.10", plus("total_size", -1, 4)),
    ("size-zero", "total size 0", "11.4.2.10", field("total_size", "00" * 4)),
    ("size-huge", "total size 0xffffffff", "11.4.2.10", field("total_size", "ff" * 4)),
    ("trailing", "4 octets behind the total size", "11.4.2.10", fixed({"append": "deadbeef"})),
    ("credential-version", "credential version 4", "11.4.2.11", field("credential_version", "04")),
    ("destination", "the next device", "11.4.2.12", plus("destination", 1, 8)),
    (
        "destination-reversed",
        "the destination big-endian",
        "11.4.2.12",
        fixed({"at": "destination", "reverse": 8}),
    ),
    ("hardware-swapped", "minimum above maximum", "11.4.2.13", damage.swapped_hardware),
    ("hardware-wide", "the header's range widened to all", "11.4.2.13", fixed(*_WIDE)),
    ("cut-header", "cut inside the header", "11.4.2", damage.cut_header),
    ("cut", "cut behind the header", "11.4.2.10", damage.cut),
    ("cut-last-octet", "the last octet missing", "11.4.2.10", fixed({"keep": -1})),
)

_PARTS: tuple[tuple[str, str, str, Make], ...] = (
    ("flip-any-bit", "flip one bit anywhere", "11.7.1", damage.any_bit),
    ("flip-image-bit", "flip one bit of the image", "11.7.1", damage.image_bit),
    ("flip-payload-bit", "and refit every digest without key", "11.7.1", damage.payload_bit),
    ("noise", "change up to 8 octets anywhere", "11.4", damage.noise),
    ("header-only", "nothing behind the header", "11.4.3", damage.header_only),
    ("no-image", "take tag 0x0000 out", "11.4.3", damage.without(_IMAGE, "tag 0x0000")),
    ("image-twice", "tag 0x0000 twice", "11.4.3", damage.again(_IMAGE, "tag 0x0000")),
    ("stray-octets", "3 that are no element", "11.4.3", tagged(fixed({"append": "0" * 6}, _SIZE))),
    ("element-length-plus-one", "the last element's length + 1", "11.4.3", damage.last_length(1)),
    ("element-length-minus-one", "the last element's length - 1", "11.4.3", damage.last_length(-1)),
    ("element-length-huge", "0xffffffff", "11.4.3", damage.element(0, "00", 0xFFFFFFFF)),
    ("reserved-tag", "an element 0x0007 first", "11.4.3", damage.element(7, "0102")),
    ("vendor-tag", "an element 0xf123 first", "11.4.3", damage.element(0xF123, "0102")),
    ("vendor-info", "Telink's two octets before the data", "11.4.3", damage.vendor_info),
    ("no-elements", "code without elements, as some of Hue's", "11.4.3", damage.hue),
    ("integrity-wrong", "flip a bit of the code", "6.3.10.1", damage.data_bit(_CODES, _CODE)),
    (
        "integrity-covers-head",
        "hash the tag's own head as well",
        "6.3.10.1",
        fixed({"refit": "integrity-with-head"}),
    ),
    ("integrity-twice", "two codes", "6.3.10.1", damage.again(_CODES, _CODE)),
    ("integrity-removed", "no code", "6.3.10.1", damage.without(_CODES, _CODE)),
    ("integrity-short", "a code of 15 octets", "11.4.5", fixed(*_SHORT_CODE)),
)

_SIGNING: tuple[tuple[str, str, str, Make], ...] = (
    ("signature-bit", "flip one bit of r or s", "11.7.1", damage.signature_bit),
    ("r-zero", "r = 0", "SEC 1, 4.1.4", damage.number(0, order=False)),
    ("s-zero", "s = 0", "SEC 1, 4.1.4", damage.number(1, order=False)),
    ("r-order", "r = order of the curve", "SEC 1, 4.1.4", damage.number(0, order=True)),
    ("s-order", "s = order of the curve", "SEC 1, 4.1.4", damage.number(1, order=True)),
    ("r-s-exchanged", "s before r", "11.7.1", damage.exchanged),
    ("s-negated", "n - s for s, which verifies as well", "SEC 1, 4.1.4", damage.negated),
    ("signer-reversed", "the signer big-endian", "11.7.1", damage.signer({"reverse": 8})),
    ("signer-other", "the next EUI64", "11.7.1", damage.signer({"add": 1, "size": 8})),
    (
        "signature-removed",
        "no signature",
        "11.7.1",
        damage.without(SIGNATURES, "signature element"),
    ),
    ("signature-twice", "two of them", "11.7.1", damage.again(SIGNATURES, "signature element")),
    (
        "certificate-removed",
        "no certificate",
        "11.7.1",
        damage.without(damage.CERTIFICATES, "certificate element"),
    ),
    (
        "certificate-twice",
        "two of them",
        "11.7.1",
        damage.again(damage.CERTIFICATES, "certificate element"),
    ),
    ("certificate-subject", "flip a bit of the subject", "11.7.1", damage.certificate("subject")),
    ("certificate-issuer", "flip a bit of the issuer", "11.7.1", damage.certificate("issuer")),
    ("certificate-point", "flip a bit of the point", "SEC 1, 2.3.4", damage.certificate("point")),
    ("tag-after-signature", "an element behind it", "11.7.1", damage.behind_signature),
    ("suite-exchanged", "the other suite's tag", "11.7.1", damage.other_suite),
    ("both-suites", "certificates of both suites", "11.7.1", tagged(fixed(*_BOTH))),
)

_RAW: tuple[tuple[str, str, str, Make], ...] = (
    ("trailer-mark-0041", "00 41 for 00 40", "GB-013", field("trailer", "0041")),
    ("trailer-mark-0140", "01 40 for 00 40", "GB-013", field("trailer", "0140")),
    ("trailer-removed", "no trailer", "GB-012", fixed({"at": "trailer", "remove": 66}, _SIZE)),
    ("trailer-cut", "63 octets of signature", "GB-012", raw(fixed({"keep": -1}, _SIZE))),
    ("tagged-image", "tag and length before the image", "GB-014", raw(damage.tagged_image)),
)

_MANIFEST: tuple[tuple[str, str, str, Make], ...] = (
    ("manifest-magic", "turn the magic", "2", fixed({"at": "manifest.magic", "reverse": 4})),
    ("manifest-version", "file version + 1", "2", plus("manifest.file_version", 1, 4)),
    ("manifest-manufacturer", "maker's code + 1", "2", plus("manifest.manufacturer", 1, 2)),
    ("manifest-type", "image type + 1", "2", plus("manifest.image_type", 1, 2)),
    ("manifest-hardware", "maximum + 1", "2", plus("manifest.maximum_hardware", 1, 2)),
    ("manifest-counter", "counter 0", "2", field("manifest.security_counter", "00" * 4)),
    ("manifest-length", "payload length + 1", "2", plus("manifest.payload_length", 1, 4)),
    ("manifest-digest", "digest wrong", "2", fixed({"at": "manifest.payload_digest", "xor": "01"})),
)

_KEYED: tuple[tuple[str, str, str, Make], ...] = (
    ("signed-integrity", "an integrity code, signed", "ota-cluster 6.3", damage.signed_code),
    ("false-signer", "signed as somebody else", "ZCL 11.7.1", damage.false_signer),
)


def _table() -> Mapping[str, Mutation]:
    groups = (
        ("ZCL ", _HEADER),
        ("ZCL ", _PARTS),
        ("ZCL ", _SIGNING),
        ("gb-alt-han ", _RAW),
        ("design ", _MANIFEST),
        ("", _KEYED),
    )
    made: dict[str, Mutation] = {}
    for source, rows in groups:
        for name, about, clause, make in rows:
            if name in made:
                raise ValueError(f"mutation {name} is there twice")
            whole = f"095264r23 {clause}" if clause.startswith("6.3") else f"{source}{clause}"
            if clause.startswith("SEC"):
                whole = clause
            made[name] = Mutation(
                name=name, about=about, clause=whole, make=make, keyed=rows is _KEYED
            )
    return MappingProxyType(made)


#: Every mutation by its name.
MUTATIONS: Mapping[str, Mutation] = _table()
