"""Hold the linter to each flaw that it knows: found where it is, and nothing else with it."""

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.crypto.suites import FACTS, Suite
from emulator.errors import WireError
from emulator.image.anchors import locate
from emulator.image.build import build
from emulator.image.edits import apply
from emulator.image.flaws import FlawCode, Severity
from emulator.image.lint import lint
from emulator.wire.ota_file import Container, Element
from emulator.wire.ota_findings import FindingCode
from emulator.wire.ota_reader import MOST_ELEMENTS
from tests.image.signers import (
    GB_SIGNER,
    HONEST,
    MADE,
    SIGNER_EUI64,
    SIGNERS,
    UNSIGNED,
    UNSIGNED_RAW,
)

SIZE = {"refit": "size"}
CODE = {"refit": "integrity"}
N1, N2 = (FACTS[suite].curve.n for suite in Suite)


def codes(data: bytes) -> list[str]:
    """Return the names of all flaws."""
    return [flaw.code.value for flaw in lint(data)]


@pytest.mark.parametrize("kind", HONEST)
def test_an_honest_file_is_clean(kind: str) -> None:
    """Be the control of all tests below."""
    assert lint(HONEST[kind]) == ()
    assert lint(UNSIGNED_RAW if kind == "gb" else UNSIGNED) == ()


#: Base, edits, the only flaw, and the anchor where it stands.
FLAWS: dict[str, tuple[str, list[dict[str, Any]], str, object]] = {
    "wildcard maker": (
        "integrity",
        [
            {"at": "manufacturer", "put": "ffff"},
            {"at": "manifest.manufacturer", "put": "ffff"},
            CODE,
        ],
        "manufacturer-wildcard",
        "manufacturer",
    ),
    "wildcard version": (
        "integrity",
        [
            {"at": "file_version", "put": "ffffffff"},
            {"at": "manifest.file_version", "put": "ffffffff"},
            CODE,
        ],
        "version-wildcard",
        "file_version",
    ),
    "stack version": (
        "integrity",
        [{"at": "stack_version", "put": "0500"}, CODE],
        "stack-version",
        "stack_version",
    ),
    "gb r": ("gb", [{"at": "signature", "put": "00" * 32}], "signature-range", "signature"),
    "gb s": ("gb", [{"at": "signature+32", "put": "ff" * 32}], "signature-range", "signature+32"),
    "integrity": ("integrity", [{"at": -1, "xor": "01"}], "integrity-wrong", -16),
    "integrity with head": (
        "integrity",
        [{"refit": "integrity-with-head"}],
        "integrity-covers-head",
        -16,
    ),
    "header edited": ("integrity", [{"at": 20, "xor": "01"}], "integrity-wrong", -16),
    "two codes": (
        "integrity",
        [{"element": {"tag": 3, "data": "00" * 16}}, SIZE, CODE],
        "several-integrity-codes",
        -22,
    ),
    "code not last": (
        "integrity",
        [{"element": {"tag": 4, "data": "00"}}, SIZE, CODE],
        "integrity-not-last",
        "element:0x0003",
    ),
    "no certificate": (
        "suite1",
        [{"at": "element:0x0002", "remove": 54}, SIZE],
        "certificate-missing",
        "element:0x0001",
    ),
    "no signature": (
        "suite2",
        [{"keep": -86}, SIZE],
        "certificate-without-signature",
        "element:0x0006",
    ),
    "signer reversed": (
        "suite1",
        [{"at": "data:0x0001", "reverse": 8}],
        "signer-reversed",
        "data:0x0001",
    ),
    "signer other": (
        "suite2",
        [{"at": "data:0x0005", "add": 1, "size": 8}],
        "signer-not-subject",
        "data:0x0005",
    ),
    "r 0": ("suite1", [{"at": "signature", "put": "00" * 21}], "signature-range", "signature"),
    "s 0": (
        "suite2",
        [{"at": "signature+36", "put": "00" * 36}],
        "signature-range",
        "signature+36",
    ),
    "r n": ("suite1", [{"at": "signature", "put": f"{N1:042x}"}], "signature-range", "signature"),
    "s n": ("suite2", [{"at": -36, "put": f"{N2:072x}"}], "signature-range", -36),
    "point of suite 1": (
        "suite1",
        [{"at": "data:0x0002", "put": "05"}],
        "certificate-point",
        "data:0x0002",
    ),
    "point of suite 2": (
        "suite2",
        [{"at": "data:0x0006+37", "put": "00"}],
        "certificate-point",
        "data:0x0006+37",
    ),
    "point of order 2": (
        "suite1",
        [{"at": "data:0x0002", "put": "02" + "00" * 21}],
        "certificate-point",
        "data:0x0002",
    ),
    "key usage": (
        "suite2",
        [{"at": "data:0x0006+36", "put": "08"}],
        "certificate-usage",
        "data:0x0006+36",
    ),
    "manifest version": (
        "suite1",
        [{"at": "manifest.file_version", "add": 1}],
        "manifest-claim",
        "manifest.file_version",
    ),
    "header version": ("gb", [{"at": "file_version", "add": 1}], "manifest-claim", 60 + 12),
    "hardware range": ("gb", [{"at": "maximum_hardware", "add": 1}], "manifest-claim", 60 + 18),
    "payload": (
        "gb",
        [{"at": "payload", "xor": "01"}],
        "manifest-digest",
        "manifest.payload_digest",
    ),
    "manifest length": (
        "suite2",
        [{"at": "manifest.payload_length", "add": 1}],
        "manifest-unreadable",
        "image",
    ),
    "reader": ("suite2", [{"append": "00"}], "trailing", -1),
}


@pytest.mark.parametrize("name", FLAWS)
def test_one_flaw_is_found_alone_and_in_its_place(name: str) -> None:
    """Break an honest file in one way, and read one flaw with its offset."""
    kind, edits, code, anchor = FLAWS[name]
    data = apply(HONEST[kind], edits)
    (flaw,) = lint(data)
    assert (flaw.code.value, flaw.offset) == (code, locate(data, anchor))
    assert flaw.found
    assert flaw.expected
    assert flaw.clause in str(flaw)


def test_each_code_of_the_linter_is_shown() -> None:
    """Leave no code without a test: those that never stand alone are below."""
    shown = {code for _, _, code, _ in FLAWS.values()}
    together = {
        "trailer-mark",
        "integrity-and-signature",
        "certificate-of-other-suite",
        "several-certificates",
        "certificate-unreadable",
        "destination-missing",
    }
    assert {code.value for code in FlawCode} == (shown - {"trailing"}) | together


def test_the_trap_of_a_signed_integrity_code() -> None:
    """Name what devices hash differently (ota-cluster 6.3)."""
    data = apply(HONEST["integrity"], [{"certificate": "me"}, {"signature": "me"}], _KEYS)
    assert set(codes(data)) == {"integrity-and-signature", "integrity-not-last", "integrity-wrong"}
    data = apply(data, [CODE])
    assert set(codes(data)) == {"integrity-and-signature", "integrity-not-last"}


_KEYS = {"me": SIGNERS[Suite.ONE], "two": SIGNERS[Suite.TWO]}


def test_a_certificate_of_the_other_suite() -> None:
    """Say so at the certificate; the reader says that both suites are there."""
    data = apply(UNSIGNED, [{"certificate": "two"}, {"signature": "me"}], _KEYS)
    assert set(codes(data)) == {"both-suites", "certificate-of-other-suite"}
    at = {flaw.code: flaw.offset for flaw in lint(data)}
    assert at[FlawCode.CERTIFICATE_SUITE] == locate(data, "element:0x0006")


def test_several_certificates() -> None:
    """Say where the second one is."""
    edits = [{"certificate": "me"}, {"certificate": "me"}, {"signature": "me"}]
    (flaw,) = lint(apply(UNSIGNED, edits, _KEYS))
    assert flaw.code is FlawCode.SEVERAL_CERTIFICATES
    assert flaw.found == "2 certificates"


def test_a_certificate_that_cannot_be_read() -> None:
    """Take a suite 2 certificate of another curve or hash for none (ota-cluster 6.2)."""
    data = apply(HONEST["suite2"], [{"at": "data:0x0006+9", "put": "0c"}])
    (flaw,) = lint(data)
    assert flaw.code is FlawCode.CERTIFICATE_UNREADABLE
    assert flaw.offset == locate(data, "data:0x0006")


@pytest.mark.parametrize(
    ("image_type", "name"),
    [
        (0xFFC0, "client credentials"),
        (0xFFC1, "client configuration"),
        (0xFFC2, "server log"),
        (0xFFC3, None),
    ],
)
def test_a_device_specific_file_should_name_its_device(image_type: int, name: str | None) -> None:
    """Advise a destination for credentials, configuration and log (ota-cluster 2.9)."""
    special = MADE | {"image_type": image_type, "manifest": False}
    flaws = lint(build(**special))
    assert [flaw.code for flaw in flaws] == [FlawCode.DESTINATION_MISSING] * (name is not None)
    for flaw in flaws:
        assert flaw.found == f"{name} for every device"
        assert flaw.severity is Severity.ADVICE
    assert lint(build(**special, destination=SIGNER_EUI64)) == ()


@pytest.mark.parametrize("mark", ["0041", "0140", "4000", "0000"])
def test_gb013_a_mark_that_is_nearly_right(mark: str) -> None:
    """GB-013: say that what looks like a signature has the wrong mark before it."""
    bare = build(**MADE, container=Container.GBCS, manifest=False)
    edits = [{"trailer": "gb"}, {"at": -66, "put": mark}]
    data = apply(bare, edits, {"gb": GB_SIGNER})
    (flaw,) = lint(data)
    assert (flaw.code, flaw.offset) == (FlawCode.TRAILER_MARK, len(data) - 66)
    assert flaw.found.startswith(bytes.fromhex(mark).hex(" "))
    with_manifest = apply(HONEST["gb"], edits[1:])
    assert set(codes(with_manifest)) == {"trailer-mark", "manifest-unreadable"}


def test_text_is_no_signature() -> None:
    """Leave an unsigned raw file alone whose code happens to hold a mark."""
    for tail in (b"\x00\x41" + b"text " * 13, b"\x12\x34" + bytes(range(64))):
        body = b"code" * 50 + tail[:66]
        data = build(**(MADE | {"payload": body}), container=Container.GBCS)
        assert lint(data) == ()


def test_hashes_can_be_left_out() -> None:
    """Find what needs no hash all the same."""
    data = apply(HONEST["integrity"], [{"at": "payload", "xor": "01"}, {"append": "00"}])
    assert set(codes(data)) == {"manifest-digest", "integrity-wrong", "trailing"}
    assert [flaw.code for flaw in lint(data, hashes=False)] == [FindingCode.TRAILING]


def test_severities_follow_the_reader() -> None:
    """Call a fatal finding fatal, and another one a flaw."""
    data = apply(HONEST["suite1"], [{"append": "00"}, {"prepend": "00"}])
    found = {flaw.code: flaw.severity for flaw in lint(data)}
    assert found == {
        FindingCode.WRAPPER: Severity.FATAL,
        FindingCode.TRAILING: Severity.FLAW,
    }


def test_what_has_no_header_is_no_file() -> None:
    """Raise what the reader raises."""
    with pytest.raises(WireError, match="no OTA header"):
        lint(bytes(100))


@pytest.mark.parametrize("tag", [1, 2, 3, 5, 6, 7])
def test_a_flood_of_elements_takes_little_memory(tag: int) -> None:
    """Keep to three times the input and 1 MiB, whatever thousands of elements there are."""
    sizes = {1: 50, 2: 48, 3: 16, 5: 80, 6: 74, 7: 0}
    flood = (Element(tag, bytes(sizes[tag])),) * (MOST_ELEMENTS + 10)
    data = build(**MADE, elements=flood)
    tracemalloc.start()
    try:
        assert lint(data)
        assert tracemalloc.get_traced_memory()[1] < 3 * len(data) + (1 << 20)
    finally:
        tracemalloc.stop()


@given(
    st.sampled_from(sorted(HONEST)),
    st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=5),
    st.integers(0, 400),
)
def test_any_file_is_linted_or_refused(kind: str, places: list[tuple[int, int]], cut: int) -> None:
    """Raise nothing but WireError, and point into the file."""
    data = bytearray(HONEST[kind])
    for at, octet in places:
        data[at % len(data)] = octet
    octets = bytes(data[: len(data) - cut])
    try:
        flaws = lint(octets)
    except WireError:
        return
    assert all(0 <= flaw.offset <= max(len(octets), 69) for flaw in flaws)
    assert flaws == lint(octets)


@pytest.mark.parametrize("tag", ["0x0001", "0x0002", "0x0005", "0x0006", "0x0003"])
@pytest.mark.parametrize("more", [-1, 1])
def test_what_has_a_wrong_length_is_judged_no_further(tag: str, more: int) -> None:
    """Say the length alone: what stands at which octet of it nobody knows."""
    kind = {"0x0003": "integrity", "0x0001": "suite1", "0x0002": "suite1"}.get(tag, "suite2")
    there = {"at": f"data:{tag}"}
    change = there | ({"insert": "00"} if more > 0 else {"remove": 1})
    head = {"at": f"element:{tag}+2", "add": more}
    edits = [change, head] if more > 0 else [head, change]
    data = apply(HONEST[kind], [*edits, SIZE])
    assert codes(data) == ["element-length"]
