"""Hold the edit language to what it says: each verb, each anchor, and every complaint."""

import hashlib
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.crypto.mmo import aes_mmo
from emulator.crypto.suites import Suite
from emulator.errors import EditError
from emulator.image.anchors import HEADER_OFFSETS, MANIFEST_OFFSETS, OPTIONAL_FIELDS, locate
from emulator.image.build import build
from emulator.image.edits import VERBS, apply
from emulator.image.keys import GbSigner, Signer
from emulator.image.sign import sign
from emulator.wire.manifest import ImageManifest
from emulator.wire.ota_file import Container, Element, OtaHeader
from emulator.wire.ota_reader import read
from tests.image.signers import GB_SIGNER, SIGNERS, UNSIGNED, UNSIGNED_RAW

PLAIN: dict[str, Any] = {
    "payload": b"new firmware" * 20,
    "manufacturer": 0xFFF1,
    "image_type": 3,
    "version": 0x01020304,
}
FULL = build(
    **PLAIN, hardware=(0x0100, 0x0203), destination=0x0011223344556677, credential_version=2
)
RAW = build(**PLAIN, hardware=(1, 2), container=Container.GBCS, signature=bytes(range(64)))
SIGNED = build(**PLAIN, integrity=False, elements=(Element(1, bytes(range(50))),))


def test_the_tables_of_fields_are_the_frames() -> None:
    """Compare offsets written by hand with what the frames encode."""
    header = read(FULL)[0].header
    optional = {name: size for name, _, size in OPTIONAL_FIELDS}
    assert [*HEADER_OFFSETS, *optional] == list(OtaHeader.__dataclass_fields__)
    assert sum(optional.values()) == header.size - OtaHeader.SHORTEST
    for name, at in HEADER_OFFSETS.items():
        value = getattr(header, name)
        octets = value if isinstance(value, bytes) else int(value).to_bytes(8, "little")
        assert FULL[at : at + 2] == octets[:2]
    assert list(MANIFEST_OFFSETS) == list(ImageManifest.__dataclass_fields__)
    assert MANIFEST_OFFSETS["payload_digest"] + 32 == ImageManifest.SHORTEST


@pytest.mark.parametrize(
    ("anchor", "expected"),
    [
        (0, 0),
        (-1, len(FULL) - 1),
        ("end", len(FULL)),
        ("end-1", len(FULL) - 1),
        ("magic", 0),
        ("file_version+3", 17),
        ("credential_version", 56),
        ("destination", 57),
        ("minimum_hardware", 65),
        ("maximum_hardware", 67),
        ("element:0x0000", 69),
        ("image", 75),
        ("data:0x0", 75),
        ("manifest.magic", 75),
        ("manifest.security_counter", 95),
        ("payload", 141),
        ("payload-1", 140),
        ("element:0x0003", len(FULL) - 22),
        ("data:0x0003+15", len(FULL) - 1),
    ],
)
def test_an_anchor_is_a_place(anchor: object, expected: int) -> None:
    """Find each kind of place in a file with every optional field."""
    assert locate(FULL, anchor) == expected


def test_places_of_signatures() -> None:
    """Find r behind the signer of an element, and behind a trailer's mark."""
    assert locate(RAW, "image") == 60
    assert locate(RAW, "trailer") == len(RAW) - 66
    assert locate(RAW, "signature") == len(RAW) - 64
    assert locate(SIGNED, "signature") == locate(SIGNED, "data:0x0001") + 8 == len(SIGNED) - 42


def test_places_move_with_a_wrapper_and_stay_without_a_magic() -> None:
    """Look places up in the octets as they are at that moment."""
    assert locate(b"wrapper" + FULL, "payload") == locate(FULL, "payload") + 7
    assert locate(b"wrapper" + FULL, "total_size") == 59
    assert locate(b"\0" + FULL[1:], "payload") == locate(FULL, "payload")
    assert locate(RAW + b"tail", "signature") == len(RAW) - 64


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ({"at": 14, "xor": "ff01"}, FULL[:14] + b"\xfb\x02" + FULL[16:]),
        ({"at": "file_version", "put": "00 00"}, FULL[:14] + b"\0\0" + FULL[16:]),
        ({"at": "end", "insert": "aabb"}, FULL + b"\xaa\xbb"),
        ({"at": 0, "insert": "aabb"}, b"\xaa\xbb" + FULL),
        ({"at": 4, "remove": 2}, FULL[:4] + FULL[6:]),
        ({"at": "destination", "reverse": 8}, FULL[:57] + FULL[57:65][::-1] + FULL[65:]),
        ({"at": "file_version", "add": 1}, FULL[:14] + b"\x05" + FULL[15:]),
        ({"at": "file_version", "add": -5}, FULL[:14] + b"\xff\x02\x02\x01" + FULL[18:]),
        ({"at": 4, "add": 0xFF, "size": 1}, FULL[:4] + b"\xff" + FULL[5:]),
        ({"at": "image_type", "add": -4, "size": 2}, FULL[:12] + b"\xff\xff" + FULL[14:]),
        ({"append": "aa"}, FULL + b"\xaa"),
        ({"prepend": "aa"}, b"\xaa" + FULL),
        ({"keep": 60}, FULL[:60]),
        ({"keep": 0}, b""),
        ({"keep": -1}, FULL[:-1]),
        ({"element": {"tag": "0xF123", "data": "0102"}}, FULL + bytes.fromhex("23f1020000000102")),
        (
            {"element": {"tag": 7, "data": "", "size": 0xFFFFFFFF}},
            FULL + bytes.fromhex("0700ffffffff"),
        ),
    ],
)
def test_a_verb_changes_what_it_says(edit: dict[str, object], expected: bytes) -> None:
    """Change exactly the octets named, before and after a way through JSON."""
    assert apply(FULL, [edit]) == expected
    assert apply(FULL, json.loads(json.dumps([edit]))) == expected


def test_edits_see_what_the_ones_before_left() -> None:
    """Look up each place anew."""
    data = apply(FULL, [{"prepend": "00"}, {"at": "file_version", "put": "ff"}])
    assert data == b"\0" + FULL[:14] + b"\xff" + FULL[15:]
    assert apply(FULL, []) == FULL


def test_refit_size_counts_from_the_magic() -> None:
    """Set the total size to what is there, wrapper aside."""
    data = apply(FULL, [{"append": "aabb"}, {"prepend": "00"}, {"refit": "size"}])
    assert read(data)[0].header.total_size == len(FULL) + 2
    assert apply(data, [{"refit": "size"}]) == data


def test_refit_integrity_takes_either_range() -> None:
    """Compute the code over the spec's range, and over the one that covers the tag's head too."""
    lie = {"at": "payload", "xor": "01"}
    at = len(FULL) - 22
    data = apply(FULL, [lie, {"refit": "integrity"}])
    assert data[-16:] == aes_mmo(data[:at]) != FULL[-16:]
    data = apply(FULL, [lie, {"refit": "integrity-with-head"}])
    assert data[-16:] == aes_mmo(data[: at + 6])
    assert apply(data, [lie, {"refit": "integrity"}]) == FULL


@pytest.mark.parametrize("base", [FULL, RAW])
def test_refit_manifest_fits_the_payload(base: bytes) -> None:
    """Set digest and length of the payload, nothing else, in both containers."""
    lie = apply(base, [{"at": "payload", "xor": "01"}])
    data = apply(lie, [{"refit": "manifest"}])
    payload = b"\x6f" + PLAIN["payload"][1:]
    at = locate(data, "manifest.payload_digest")
    assert data[at : at + 32] == hashlib.sha256(payload).digest()
    assert data[:at] == lie[:at]
    assert data[at + 32 :] == lie[at + 32 :]
    assert apply(lie, [{"at": "manifest.payload_length", "put": "01000000"}, {"refit": "manifest"}])


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        ("xor", "found 'xor', wanted a JSON object"),
        ({}, "found verbs none, wanted one of xor, put"),
        ({"at": 0}, "found verbs none"),
        ({"at": 0, "xor": "00", "put": "00"}, "found verbs xor, put"),
        ({"at": 0, "xor": "00", "size": 4}, "size: found a key of no use, wanted xor and at"),
        ({"append": "00", "at": 0}, "at: found a key of no use, wanted append alone"),
        ({"xor": "00"}, "at: found nothing, wanted an offset"),
        ({"at": 0, "xor": "zz"}, "xor: found 'zz', wanted octets in hex"),
        ({"at": 0, "xor": 7}, "xor: found 7, wanted octets in hex"),
        ({"at": 0, "xor": ""}, "xor: found 0 octets at 0, wanted 1 to"),
        ({"at": "end", "put": "00"}, "put: found 1 octets at 403, wanted 1 to 0"),
        ({"at": 0, "remove": 404}, "remove: found 404 octets at 0, wanted 1 to 403"),
        ({"at": 0, "remove": -1}, "remove: found -1 octets at 0"),
        ({"at": 0, "remove": True}, "remove: found True, wanted a number"),
        ({"at": 0, "add": 1, "size": 9}, "size: found 9, wanted 1 to 8 octets"),
        ({"at": 404, "insert": "00"}, "at: 404: found offset 404, wanted 0 to 403"),
        ({"at": -404, "insert": "00"}, "at: -404: found offset -1, wanted 0 to 403"),
        ({"at": 1.5, "insert": "00"}, "at: found 1.5, wanted an offset or the name of a place"),
        ({"at": "Image", "insert": "00"}, "at: found 'Image', wanted a place such as"),
        ({"at": "nowhere", "insert": "00"}, "nowhere: found no place of that name, wanted one of"),
        ({"at": "manifest.x", "insert": "00"}, "manifest.x: found no place of that name"),
        ({"at": "trailer", "insert": "00"}, "trailer: found no such place in the file"),
        ({"at": "element:0x0001", "insert": "00"}, "element:0x0001: found no such place"),
        ({"keep": 404}, "keep: found 404, wanted -403 to 403"),
        ({"element": "0xF123"}, "element: found '0xF123', wanted an object with tag and data"),
        (
            {"element": {"tag": "0x10000", "data": ""}},
            "element.tag: found 65536, wanted 0 to",
        ),
        ({"element": {"tag": 1}}, "element.data: found None, wanted octets in hex"),
        ({"element": {"tag": 1, "data": "", "at": 1}}, "element.at: found a key of no use"),
        ({"refit": "all"}, "refit: found 'all', wanted one of size, integrity"),
        ({"refit": []}, "refit: found [], wanted one of size, integrity"),
        ({"certificate": "me"}, "certificate: found key 'me', wanted one of: none is given"),
        ({"sign": 5}, "sign: found key 5, wanted one of: none is given"),
    ],
)
def test_a_wrong_edit_names_its_index_and_key(edit: dict[str, object], complaint: str) -> None:
    """Say which edit, which key, what was found and what was wanted."""
    with pytest.raises(EditError) as caught:
        apply(FULL, [{"at": 0, "xor": "00"}, edit])
    assert str(caught.value).startswith("edit 1: ")
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("data", "edit"),
    [
        (b"", {"refit": "size"}),
        (b"no firmware", {"at": "image", "xor": "00"}),
        (FULL[:60], {"at": "payload", "xor": "00"}),
        (RAW, {"refit": "integrity"}),
        (build(**PLAIN, manifest=False), {"refit": "manifest"}),
        (build(**PLAIN | {"payload": b"HANM"}, manifest=False), {"refit": "manifest"}),
        (
            build(**PLAIN, integrity=False, elements=(Element(3, bytes(15)),)),
            {"refit": "integrity"},
        ),
    ],
)
def test_what_is_not_there_cannot_be_edited(data: bytes, edit: dict[str, object]) -> None:
    """Complain about the file, not in a fault of our own."""
    with pytest.raises(EditError, match="edit 0: "):
        apply(data, [edit])


KEYS: dict[str, Signer | GbSigner] = {
    "one": SIGNERS[Suite.ONE],
    "two": SIGNERS[Suite.TWO],
    "gb": GB_SIGNER,
}


@pytest.mark.parametrize("name", ["one", "two"])
def test_a_key_certifies_and_signs(name: str) -> None:
    """Make in two verbs what ``sign`` makes in one, and that is what the signer makes."""
    bare = UNSIGNED
    both = apply(bare, [{"certificate": name}, {"signature": name}], KEYS)
    assert both == apply(bare, [{"sign": name}], KEYS) == sign(bare, KEYS[name])
    assert locate(both, "signature") > locate(both, "element:0x0002" if name == "one" else -200)


def test_a_gb_key_closes_a_raw_container() -> None:
    """Make a trailer, by its verb and by ``sign``."""
    bare = UNSIGNED_RAW
    closed = apply(bare, [{"trailer": "gb"}], KEYS)
    assert closed == apply(bare, [{"sign": "gb"}], KEYS) == sign(bare, KEYS["gb"])
    assert locate(closed, "trailer") == len(bare)


def test_a_signature_may_name_somebody_else() -> None:
    """Sign over the false signer, little-endian in the element."""
    data = apply(UNSIGNED, [{"signature": "one", "as": "0x0102030405060708"}], KEYS)
    at = locate(data, "data:0x0001")
    assert data[at : at + 8].hex() == "0807060504030201"


def test_a_signature_may_count_octets_behind_it() -> None:
    """Sign the size that a file has once something stands behind its true signature."""
    edits: list[dict[str, object]] = [{"signature": "one", "behind": 3}, {"append": "000000"}]
    data = apply(UNSIGNED, edits, KEYS)
    assert apply(data, [{"refit": "size"}]) == data


def test_the_head_of_a_signature_may_count_octets_behind_it() -> None:
    """Sign the head of an element that is longer than its tag wants."""
    edits: list[dict[str, object]] = [{"signature": "one", "behind": 3, "longer": 3}]
    data = apply(UNSIGNED, [*edits, {"append": "000000"}], KEYS)
    last = read(data)[0].elements[-1]
    assert (last.tag, len(last.data)) == (0x0001, 53)
    honest = apply(UNSIGNED, [{"signature": "one", "behind": 3}], KEYS)
    assert data[-45:-3] != honest[-42:]  # the head is signed


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        ({"certificate": "gb"}, "certificate: found a GbSigner, wanted a Signer"),
        ({"trailer": "one"}, "trailer: found a Signer, wanted a GbSigner"),
        ({"signature": "none"}, "signature: found key 'none', wanted one of: one, two, gb"),
        ({"signature": "one", "as": -1}, "as: found -1, wanted 0 to"),
        ({"sign": "one"}, "sign: found an integrity code (tag 0x0003), wanted none"),
        ({"sign": "gb"}, "sign: "),
    ],
)
def test_a_key_must_fit(edit: dict[str, object], complaint: str) -> None:
    """Say what was found and what was wanted, of key and of file."""
    with pytest.raises(EditError) as caught:
        apply(FULL, [edit], KEYS)
    assert str(caught.value).startswith(f"edit 0: {complaint}")


_VALUES = st.one_of(
    st.integers(-500, 500),
    st.sampled_from(["00", "ffff", "image", "payload", "end", "element:0x0003", "size", "trailer"]),
    st.none(),
    st.fixed_dictionaries({"tag": st.integers(0, 70000), "data": st.just("00")}),
)
_EDITS = st.lists(
    st.dictionaries(st.sampled_from(["at", "size", "as", "behind", *VERBS]), _VALUES, max_size=3),
    max_size=4,
)


@given(st.sampled_from([FULL, RAW, SIGNED, b"", FULL[:70]]), _EDITS)
def test_any_edit_is_made_or_refused(data: bytes, edits: list[dict[str, object]]) -> None:
    """Raise nothing but EditError, and be the same twice."""
    try:
        once = apply(data, edits)
    except EditError:
        return
    assert apply(data, edits) == once


@pytest.mark.parametrize(
    "edit",
    [
        {"at": "payload", "xor": "01"},
        {"at": "end", "insert": "00"},
        {"at": 0, "remove": 1},
        {"refit": "size"},
        {"refit": "manifest"},
        {"element": {"tag": 7, "data": ""}},
        {"keep": -1},
    ],
)
def test_an_edit_of_a_large_file_takes_little_memory(edit: dict[str, object]) -> None:
    """Keep to three times the input and 1 MiB."""
    data = build(**(PLAIN | {"payload": bytes(4 << 20)}), integrity=False)
    tracemalloc.start()
    try:
        apply(data, [edit])
        assert tracemalloc.get_traced_memory()[1] < 3 * len(data) + (1 << 20)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "edit",
    [
        {"keep": "0x1" + "0" * 5000},
        {"at": 0, "remove": "0x1" + "0" * 5000},
        {"at": 0, "add": 1, "size": "0x1" + "0" * 5000},
        {"element": {"tag": "0x1" + "0" * 5000, "data": ""}},
    ],
)
def test_a_number_too_long_to_be_written_is_refused(edit: dict[str, object]) -> None:
    """Name the edit: no number of this size is an offset, and Python would not print it."""
    with pytest.raises(EditError, match="edit 0: ") as caught:
        apply(FULL, [edit])
    assert len(str(caught.value)) < 200
