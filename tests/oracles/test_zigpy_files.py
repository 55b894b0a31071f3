"""Hold the reader's verdict on every vector with a file to zigpy's, which nobody here wrote."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import pytest
from zigpy.ota import image as zigpy_image

from emulator.errors import WireError
from emulator.wire.ota_file import Container, OtaFile, OtaHeader
from emulator.wire.ota_reader import TELINK_MANUFACTURER, Finding, FindingCode, read
from harness.vectors.load import load_vectors
from harness.vectors.recipes import render_vector

FAMILIES = ("file_format", "image_verify")
EVERY = {one.id: one for family in FAMILIES for one in load_vectors(None, family)}

#: Rules of the standard that zigpy, which serves files and runs none, does not look at.
LAX = frozenset(
    {
        FindingCode.HEADER_VERSION,
        FindingCode.ELEMENT_LENGTH,
        FindingCode.SIGNATURE_NOT_LAST,
        FindingCode.BOTH_SUITES,
    }
)
#: What our reader holds against sub-elements where a raw container is wanted.
RAW = frozenset({FindingCode.CONTAINER, FindingCode.RAW_HEADER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Be one file as both read it; None: one of them could not."""

    data: bytes
    container: Container
    ours: OtaFile | None
    findings: tuple[Finding, ...]
    theirs: zigpy_image.BaseOTAImage | None
    rest: bytes

    @property
    def fatal(self) -> frozenset[FindingCode]:
        """Return the codes for which a bridge must refuse the file."""
        return frozenset(finding.code for finding in self.findings if finding.fatal)

    @property
    def taken(self) -> bool:
        """Tell whether our reader takes it."""
        return self.ours is not None and not self.fatal


@cache
def judged(id: str) -> Judged:
    """Read a vector's octets for the reference device with both."""
    vector = EVERY[id]
    data, container = render_vector(vector), Container(vector.needs["container"])
    ours: OtaFile | None
    findings: tuple[Finding, ...]
    try:
        ours, findings = read(data, container)
    except WireError:
        ours, findings = None, ()
    try:
        theirs, rest = zigpy_image.parse_ota_image(data)
    except ValueError:
        theirs, rest = None, b""
    return Judged(
        data=data, container=container, ours=ours, findings=findings, theirs=theirs, rest=rest
    )


# The predicates say of which files a difference must be seen: no more and no fewer.


def _only_lax(code: FindingCode) -> Callable[[Judged], bool]:
    return lambda file: code in file.fatal <= LAX


def _is_hue(file: Judged) -> bool:
    return file.fatal == {FindingCode.NO_ELEMENTS}


def _would_be_telinks(file: Judged) -> bool:
    if file.fatal != {FindingCode.STRAY_OCTETS}:
        return False
    code = TELINK_MANUFACTURER.to_bytes(2, "little")
    again, findings = read(file.data[:10] + code + file.data[12:], file.container)
    return any(one.info for one in again.elements) and not any(one.fatal for one in findings)


def _is_negative(file: Judged) -> bool:
    try:
        header, at = OtaHeader.decode_at(file.data, 0)
    except WireError:
        return False
    if file.ours is None or FindingCode.WRAPPER in file.fatal:  # then no header is at 0
        return False
    missing = header.header_length - header.total_size
    return missing > 0 and len(file.data) - at <= missing


def _is_known_wrapper(file: Judged) -> bool:
    return file.fatal == {FindingCode.WRAPPER} and file.findings[0].found.endswith(")")


def _is_raw_with_elements(file: Judged) -> bool:
    return FindingCode.CONTAINER in file.fatal <= RAW


def _is_raw(file: Judged) -> bool:
    if file.container is not Container.GBCS or not file.taken or file.ours is None:
        return False
    return file.ours.image is not None or file.ours.signature is not None


#: Where the two differ: what zigpy does, why, and the files it must be seen with.
TAKES, REFUSES = True, False
DIFFERENCES: Mapping[str, tuple[bool, str, Callable[[Judged], bool]]] = {
    **{
        f"{code}": (TAKES, "zigpy keeps the field and judges nothing by it", _only_lax(code))
        for code in sorted(LAX)
    },
    "Hue's code": (TAKES, "zigpy serves such files to Hue's devices; ours has no use", _is_hue),
    "Telink's information": (
        TAKES,
        "zigpy tries Telink's layout last, whoever the maker is (OTA-F-028 wants the maker)",
        _would_be_telinks,
    ),
    "negative length": (
        TAKES,
        "zigpy slices by size minus header length; far below zero that leaves no elements",
        _is_negative,
    ),
    "known wrapper": (TAKES, "zigpy unwraps three makers' files before serving", _is_known_wrapper),
    "sub-elements for a raw device": (
        TAKES,
        "zigpy knows one container; GB-014 is a device's own",
        _is_raw_with_elements,
    ),
    "raw container": (REFUSES, "zigpy knows no raw container, and finds no elements", _is_raw),
}


@pytest.mark.parametrize("id", EVERY)
def test_verdicts_are_the_same_but_for_the_listed_differences(id: str) -> None:
    file = judged(id)
    names = [name for name, (_, _, claims) in DIFFERENCES.items() if claims(file)]
    taken = DIFFERENCES[names[0]][0] if names else file.taken
    assert all(DIFFERENCES[name][0] is taken for name in names), names
    assert (file.theirs is not None) is taken, (names, sorted(file.fatal))
    assert (taken is not file.taken) is bool(names), names


@pytest.mark.parametrize("name", DIFFERENCES)
def test_every_difference_is_seen(name: str) -> None:
    _, why, claims = DIFFERENCES[name]
    assert [id for id in EVERY if claims(judged(id))], f"no vector shows it any more: {why}"


def test_most_files_are_judged_alike() -> None:
    """Keep the table an exception: zigpy agrees on most refusals and on most files that we take."""
    files = [judged(id) for id in EVERY if judged(id).container is Container.ZCL]
    for taken in (True, False):
        alike = [(one.theirs is not None) is taken for one in files if one.taken is taken]
        assert len(alike) > 50
        assert sum(alike) / len(alike) > 0.5


def test_what_both_take_has_the_same_parts() -> None:
    """Compare each element and what lies behind the total size."""
    both = 0
    for id in EVERY:
        file = judged(id)
        if not file.taken or file.ours is None or file.theirs is None or file.ours.body:
            continue
        both += 1
        ours = [
            (one.tag, one.data, int.from_bytes(one.info, "little") if one.info else None)
            for one in file.ours.elements
        ]
        theirs = [
            (int(one.tag_id), bytes(one.data), getattr(one, "tag_info", None))
            for one in file.theirs.subelements
        ]
        assert (id, ours, file.ours.trailing) == (id, theirs, file.rest)
    assert both > 200
