"""Hold the comparison of two files to what it says, and its output to its bounds."""

import pytest

from emulator.image.difference import MOST_RANGES, Change, Range, difference
from emulator.image.edits import apply
from tests.image.signers import HONEST, UNSIGNED_RAW

GOOD = HONEST["integrity"]


def changes(*edits: dict[str, object], first: bytes = GOOD) -> list[str]:
    """Return the names of all that differs after edits."""
    found = difference(first, apply(first, edits))
    return [one.what for one in (*found.header, *found.elements, *found.manifest)]


@pytest.mark.parametrize("kind", HONEST)
def test_the_same_file_has_no_difference(kind: str) -> None:
    """Be the control of all tests below."""
    found = difference(HONEST[kind], HONEST[kind])
    assert found.same
    assert (found.header, found.elements, found.manifest, found.ranges) == ((), (), (), ())
    assert (found.octets, found.more) == (0, 0)


def test_each_part_is_told_by_its_name() -> None:
    """Name header fields, elements, manifest fields, trailing octets."""
    assert changes({"at": "file_version", "add": 1}) == ["file version"]
    assert changes({"at": "payload", "xor": "01"}) == ["tag 0x0000"]
    assert changes({"at": "manifest.file_version", "add": 1}) == ["tag 0x0000", "file version"]
    assert changes({"append": "00"}) == ["trailing"]
    assert changes({"prepend": "00"}) == ["wrapper"]
    assert changes({"at": "manifest.magic", "xor": "01"}) == ["tag 0x0000", "manifest"]
    assert changes({"at": "signature", "xor": "01"}, first=HONEST["gb"]) == ["signature"]
    assert changes({"at": "image", "xor": "01"}, first=UNSIGNED_RAW) == [
        "manufacturer image",
        "manifest",
    ]


def test_values_are_told_from_both_files() -> None:
    """Show found values, and none where a file has none."""
    found = difference(GOOD, apply(GOOD, [{"at": "file_version", "put": "05"}]))
    assert found.header == (Change("file version", "0x2", "0x5"),)
    assert str(found.header[0]) == "file version: 0x2 -> 0x5"
    assert found.ranges == (Range(14, 1),)
    cut = difference(GOOD, apply(GOOD, [{"keep": -22}, {"refit": "size"}]))
    assert [(one.what, one.second) for one in cut.elements] == [("tag 0x0003", None)]
    assert str(cut.elements[0]).endswith(" -> none")
    assert not cut.same


def test_a_second_element_of_a_tag_is_its_own() -> None:
    """Compare the first with the first."""
    more = [{"element": {"tag": 3, "data": "00" * 16}}, {"refit": "size"}]
    assert changes(*more) == ["total size", "tag 0x0003 (2)"]


def test_near_ranges_are_one_and_many_are_counted() -> None:
    """Join what is near, tell so many, count the rest."""
    data = bytearray(bytes(4096))
    data[10] = data[14] = data[100] = 1
    found = difference(bytes(4096), bytes(data))
    assert found.ranges == (Range(10, 5), Range(100, 1))
    assert found.octets == 3
    dotted = bytes(int(at % 20 == 0) for at in range(20 * (MOST_RANGES + 7)))
    found = difference(bytes(len(dotted)), dotted)
    assert (len(found.ranges), found.more, found.octets) == (MOST_RANGES, 7, MOST_RANGES + 7)
    assert difference(bytes(9000), bytes(8999) + b"\x01").ranges == (Range(8999, 1),)


def test_what_cannot_be_read_is_compared_as_octets() -> None:
    """Say which of the two is no file, and compare all the same."""
    found = difference(GOOD, b"no firmware, but a text")
    assert found.unreadable[0] is None
    assert "need 56 octets, have 23" in (found.unreadable[1] or "")
    assert found.header == found.elements == found.manifest == ()
    assert found.octets
    assert not found.same
    assert not difference(GOOD, GOOD[:-1]).same
    assert difference(b"", b"").same


def test_long_values_are_cut() -> None:
    """Show 32 octets of a value and count all of them."""
    found = difference(GOOD, apply(GOOD, [{"at": "payload", "xor": "01"}]))
    (element,) = found.elements
    assert element.first is not None
    assert element.first.startswith("166 octets 48414e4d")
    assert len(element.first) < 90
