"""Prove each verification step: it refuses one precise edit, and nothing else would have."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.errors import CryptoError, WireError
from emulator.image.build import build, refit_integrity
from emulator.image.judgement import Expectation, Reading, Refusal, Step, Verdict
from emulator.image.verify import DEFAULT_STEPS, STEPS, VerdictMemory, known_steps, verify
from emulator.profiles import load
from emulator.profiles.model import MANIFEST_STEPS, SIGNED_STEPS, Manifest, VerifyStep
from emulator.wire.manifest import ImageManifest
from emulator.wire.ota import Status
from emulator.wire.ota_file import Container, Element
from emulator.wire.ota_reader import read

MADE: dict[str, Any] = {
    "payload": bytes(range(256)) * 5,
    "manufacturer": 0xFFF1,
    "image_type": 3,
    "version": 0x00000002,
    "hardware": (0x0100, 0x01FF),
    "destination": 0x0011223344556677,
    "security_counter": 5,
}
GOOD = build(**MADE)
AGAINST = Expectation(
    eui64=0x0011223344556677,
    manufacturer=0xFFF1,
    image_type=3,
    hardware_version=0x0102,
    offered_manufacturer=0xFFF1,
    offered_image_type=3,
    offered_version=2,
    offered_size=len(GOOD),
    security_counter=5,
    running_version=1,
)
#: All steps but those of signatures and of the raw container, which have tests of their own.
PLAIN = (*DEFAULT_STEPS, "downgrade")
#: What a raw container can be judged by without a key.
RAW_PLAIN = (*PLAIN, "trailer")
NO_MANIFEST = replace(AGAINST, manifest=Manifest.NONE)
#: Where the upgrade image begins in GOOD: header of 68 octets, element head of 6.
IMAGE_AT = 74
PAYLOAD_AT = IMAGE_AT + ImageManifest.SHORTEST


def asked(against: Expectation, steps: tuple[str, ...] = PLAIN) -> tuple[str, ...]:
    """Return those of some steps that a bridge may have: without manifests, none that reads one."""
    if against.manifest is not Manifest.NONE:
        return steps
    return tuple(step for step in steps if step not in MANIFEST_STEPS)


#: A file and what it is judged against.
Trial = tuple[bytes, Expectation]


def made(**changes: Any) -> bytes:  # noqa: ANN401 - build()'s own parameters
    """Build GOOD with other parameters."""
    return build(**(MADE | changes))


def edited(at: int, octets: str, *, refit: bool = True) -> bytes:
    """Write over GOOD, and let the integrity code fit again."""
    data = bytearray(GOOD)
    new = bytes.fromhex(octets)
    assert data[at : at + len(new)] != new
    data[at : at + len(new)] = new
    return refit_integrity(bytes(data)) if refit else bytes(data)


def grown(behind: bytes) -> Trial:
    """Append octets to GOOD inside its total size."""
    size = len(GOOD) + len(behind)
    data = bytearray(GOOD + behind)
    data[52:56] = size.to_bytes(4, "little")
    return refit_integrity(bytes(data)), replace(AGAINST, offered_size=size)


def trial(data: bytes, **changes: Any) -> Trial:  # noqa: ANN401 - Expectation's own fields
    """Judge a file as if it had been offered with its true size."""
    return data, replace(AGAINST, offered_size=len(data), **changes)


#: For each step, files that it alone refuses.
REFUSED: list[tuple[str, str, Trial]] = [
    ("header", "header version", (edited(4, "0101"), AGAINST)),
    ("header", "offered version", (GOOD, replace(AGAINST, offered_version=3))),
    ("header", "offered manufacturer", (GOOD, replace(AGAINST, offered_manufacturer=0xFFF2))),
    ("header", "offered wildcard", (GOOD, replace(AGAINST, offered_manufacturer=0xFFFF))),
    ("header", "offered type", (GOOD, replace(AGAINST, offered_image_type=0xFFFF))),
    ("header", "own manufacturer", (GOOD, replace(NO_MANIFEST, manufacturer=0xFFF2))),
    ("header", "own type", (GOOD, replace(NO_MANIFEST, image_type=4))),
    ("header", "wildcard in the file", (edited(10, "ffff"), NO_MANIFEST)),
    ("hardware", "below", (GOOD, replace(NO_MANIFEST, hardware_version=0x00FF))),
    ("hardware", "above", (GOOD, replace(NO_MANIFEST, hardware_version=0x0200))),
    ("hardware", "f011 empty", trial(made(hardware=(3, 2)), manifest=Manifest.NONE)),
    ("destination", "another device", (GOOD, replace(AGAINST, eui64=0x7766554433221100))),
    ("size", "header above", (edited(52, (len(GOOD) + 1).to_bytes(4, "little").hex()), AGAINST)),
    ("size", "stored above", (GOOD + b"\0", AGAINST)),
    ("size", "offered above", (GOOD, replace(AGAINST, offered_size=len(GOOD) + 1))),
    ("size", "offered below", (GOOD, replace(AGAINST, offered_size=len(GOOD) - 1))),
    ("structure", "f003 header length", (edited(6, "4500"), AGAINST)),
    ("structure", "f007 stray octets", grown(b"\0\0\0")),
    ("structure", "f009 huge element", grown(bytes.fromhex("0400ffffffff"))),
    ("structure", "f014 signature length", trial(made(elements=(Element(2, bytes(47)),)))),
    ("structure", "f022 signature not last", trial(made(elements=(Element(1, bytes(50)),)))),
    (
        "structure",
        "both suites",
        trial(made(elements=(Element(2, bytes(48)), Element(6, bytes(74))))),
    ),
    ("structure", "f027 no image", trial(edited(68, "0400"), manifest=Manifest.NONE)),
    ("integrity", "header string", (edited(20, "58", refit=False), AGAINST)),
    ("integrity", "the code", (GOOD[:-1] + bytes([GOOD[-1] ^ 1]), AGAINST)),
    ("integrity", "two codes", trial(made(elements=(Element(3, bytes(16)),)))),
    ("manifest", "gb008 version", (edited(14, "03"), replace(AGAINST, offered_version=3))),
    ("manifest", "gb009 wider range", (edited(66, "ffff"), AGAINST)),
    ("manifest", "manufacturer", (edited(IMAGE_AT + 8, "f2ff"), AGAINST)),
    ("manifest", "image type", (edited(IMAGE_AT + 10, "0400"), AGAINST)),
    ("manifest", "payload", (edited(PAYLOAD_AT + 700, "00"), AGAINST)),
    ("manifest", "digest", (edited(PAYLOAD_AT - 1, "00"), AGAINST)),
    ("downgrade", "below", (GOOD, replace(AGAINST, running_version=3))),
    ("downgrade", "below, no manifest", (GOOD, replace(NO_MANIFEST, running_version=3))),
    ("security_counter", "below", (GOOD, replace(AGAINST, security_counter=6))),
]


@pytest.mark.parametrize(
    ("data", "against"),
    [
        (GOOD, AGAINST),
        (GOOD, replace(AGAINST, security_counter=4)),
        (GOOD, replace(AGAINST, running_version=2)),
        (GOOD, replace(AGAINST, hardware_version=0x0100)),
        (GOOD, replace(AGAINST, hardware_version=0x01FF)),
        (GOOD, NO_MANIFEST),
        trial(made(hardware=None)),
        trial(made(destination=None)),
        trial(made(integrity=False)),
        trial(made(manifest=False), manifest=Manifest.NONE),
        trial(made(elements=(Element(0xF123, b"vendor"),))),
    ],
)
def test_honest_files_are_accepted(data: bytes, against: Expectation) -> None:
    """Be the control of every refusal below."""
    assert verify(data, against, asked(against)) == Verdict(accepted=True)


@pytest.mark.parametrize(
    ("step", "case"), [pytest.param(s, t, id=f"{s}: {about}") for s, about, t in REFUSED]
)
def test_each_step_refuses_what_no_other_would(step: str, case: Trial) -> None:
    """Refuse with the step's name and INVALID_IMAGE; without the step, accept."""
    data, against = case
    verdict = verify(data, against, asked(against))
    assert verdict.refusal is not None
    assert not verdict.accepted
    assert (verdict.refusal.step, verdict.refusal.status) == (step, Status.INVALID_IMAGE)
    assert verdict.refusal.found != verdict.refusal.expected
    assert verdict.refusal.clause
    others = tuple(name for name in asked(against) if name != step)
    assert verify(data, against, others) == Verdict(accepted=True)


def test_every_step_has_its_refusals() -> None:
    """Miss no step in the table above; raw containers and signatures have tests of their own."""
    assert {step for step, _, _ in REFUSED} == set(PLAIN)
    assert known_steps() == tuple(STEPS) == tuple(VerifyStep)
    assert set(STEPS) - set(PLAIN) == {"trailer", "gb_signature", *SIGNED_STEPS}


@pytest.mark.parametrize("payload", [b"no manifest", b"HANM\x01\0"], ids=["none there", "cut"])
@pytest.mark.parametrize("step", ["manifest", "downgrade", "security_counter"])
def test_a_manifest_that_cannot_be_read_is_refused_by_all_who_need_it(
    payload: bytes, step: str
) -> None:
    """Refuse it alone, whichever looks first; nothing else of the file is wrong."""
    case = trial(made(payload=payload, manifest=False))
    assert not verify(*case, (step,)).accepted
    others = ("header", "hardware", "destination", "size", "structure", "integrity")
    assert verify(*case, others).accepted


def test_the_version_inside_counts_as_well() -> None:
    """Refuse an old image under a new header by ``downgrade`` alone."""
    data = edited(14, "09000000")
    against = replace(AGAINST, offered_version=9, running_version=3)
    refusal = verify(data, against, ("downgrade",)).refusal
    assert refusal is not None
    assert "0x00000002 in the manifest" in refusal.found
    assert verify(data, replace(against, running_version=2), ("downgrade",)).accepted


@pytest.mark.parametrize("at", range(4))
def test_f001_gb011_a_wrong_magic_is_refused_by_every_step(at: int) -> None:
    """OTA-F-001, GB-011: what cannot be read is refused, whichever step looks first."""
    data = bytearray(GOOD)
    data[at] ^= 0x80
    for step in DEFAULT_STEPS:
        verdict = verify(bytes(data), AGAINST, (step,))
        assert verdict.refusal is not None
        assert verdict.refusal.step == step


def test_f026_a_bridge_refuses_a_wrapper_that_a_reader_cuts() -> None:
    """OTA-F-026: the server should have cut it; the image does not begin with the magic."""
    wrapped = b"wrap" + GOOD
    against = replace(AGAINST, offered_size=len(wrapped))
    verdict = verify(wrapped, against, ("header",))
    assert verdict.refusal is not None
    assert verdict.refusal.found == b"wrap".hex(" ")
    others = ("structure", "integrity", "manifest")  # one thing is wrong, and one step's to judge
    assert verify(wrapped, against, others).accepted


def test_gb010_every_cut_is_refused() -> None:
    """GB-010, OTA-F-006: no prefix of a good file is a good file, even offered as such."""
    for size in range(len(GOOD)):
        cut = GOOD[:size]
        assert not verify(cut, AGAINST, ("size",)).accepted
        assert not verify(cut, replace(AGAINST, offered_size=size), DEFAULT_STEPS).accepted


def test_gb006_every_flipped_bit_of_the_payload_is_refused_twice() -> None:
    """GB-006: by the integrity code, and by the manifest's digest where the code was refitted."""
    for at in range(PAYLOAD_AT, PAYLOAD_AT + 1280, 97):
        octet = f"{GOOD[at] ^ 0x10:02x}"
        assert not verify(edited(at, octet, refit=False), AGAINST, ("integrity",)).accepted
        assert not verify(edited(at, octet), AGAINST, ("manifest",)).accepted


@pytest.mark.parametrize("changes", [{"manufacturer": 0xFFF2}, {"image_type": 4}])
def test_gb016_the_manifest_is_held_to_the_device(changes: dict[str, int]) -> None:
    """GB-016: a consistent file for another model, judged by the manifest alone."""
    data = made(**changes)
    assert not verify(*trial(data), ("manifest",)).accepted
    assert verify(*trial(data, **changes), ("manifest",)).accepted


@pytest.mark.parametrize("hardware_version", [0x00FF, 0x0200])
def test_gb009_the_manifest_guards_the_hardware(hardware_version: int) -> None:
    """GB-009: a manifest whose range leaves the device out, judged by it alone."""
    against = replace(AGAINST, hardware_version=hardware_version)
    assert not verify(GOOD, against, ("manifest",)).accepted
    assert verify(GOOD, AGAINST, ("manifest",)).accepted


def test_a_header_without_a_range_does_not_free_the_manifest() -> None:
    """Refuse the edit that drops the header's range to let an image run anywhere."""
    narrow = read(made(), Container.ZCL)[0]
    open_header = read(made(hardware=None), Container.ZCL)[0].header
    size = len(GOOD) - 4
    header = replace(open_header, total_size=size)
    data = refit_integrity(replace(narrow, header=header).encode())
    verdict = verify(*trial(data), DEFAULT_STEPS)
    assert verdict.refusal is not None
    assert verdict.refusal.step == "manifest"


# The raw container.

RAW: dict[str, Any] = {
    **{name: MADE[name] for name in ("payload", "manufacturer", "image_type", "version")},
    "hardware": MADE["hardware"],
    "security_counter": 5,
    "container": Container.GBCS,
    "signature": bytes(range(64)),
}


def raw_trial(data: bytes) -> Trial:
    """Judge a file as a bridge with the raw container does."""
    return data, replace(AGAINST, container=Container.GBCS, offered_size=len(data))


def test_honest_raw_files_are_accepted() -> None:
    """Accept both flavours; only the signed one passes the trailer step."""
    signed, bare = build(**RAW), build(**(RAW | {"signature": None}))
    assert verify(*raw_trial(signed), RAW_PLAIN).accepted
    assert verify(*raw_trial(bare), PLAIN).accepted


@pytest.mark.parametrize("mark", ["none", "0041", "0140"])
def test_gb012_gb013_a_raw_file_without_its_trailer_is_refused(mark: str) -> None:
    """GB-012, GB-013: refused by the trailer step; without a manifest, by nothing else."""
    bare = build(**(RAW | {"signature": None, "manifest": False}))
    if mark != "none":
        signed = bytearray(build(**(RAW | {"manifest": False})))
        signed[-66:-64] = bytes.fromhex(mark)
        bare = bytes(signed)
    data, against = raw_trial(bare)
    against = replace(against, manifest=Manifest.NONE)
    verdict = verify(data, against, asked(against, RAW_PLAIN))
    assert verdict.refusal is not None
    assert verdict.refusal.step == "trailer"
    assert verify(data, against, asked(against, DEFAULT_STEPS)).accepted


def test_the_trailer_step_leaves_sub_elements_alone() -> None:
    """Accept a ZCL file: it has no trailer to miss."""
    assert verify(GOOD, AGAINST, RAW_PLAIN).accepted


def test_gb014_a_container_is_not_taken_for_the_other() -> None:
    """GB-014: refused by the structure step, and tag octets never become the image."""
    tagged = build(**(MADE | {"destination": None}))
    for data, container in ((tagged, Container.GBCS), (build(**RAW), Container.ZCL)):
        against = replace(AGAINST, container=container, offered_size=len(data))
        verdict = verify(data, against, DEFAULT_STEPS)
        assert verdict.refusal is not None
        assert verdict.refusal.step == "structure"


# The machinery.


def test_unknown_steps_are_misuse() -> None:
    """Name the step and the ones there are."""
    with pytest.raises(ValueError, match=r"unknown verification step 'headr'; known: header, .*"):
        verify(GOOD, AGAINST, ("header", "headr"))


def test_steps_run_in_the_order_given() -> None:
    """Report the first refusal, not the first of the table."""
    data, against = b"x", AGAINST
    for steps in (("size", "header"), ("header", "size")):
        refusal = verify(data, against, steps).refusal
        assert refusal is not None
        assert refusal.step == steps[0]


def test_a_step_that_cannot_read_refuses() -> None:
    """Fail closed: a WireError inside a step is a refusal; any other error is our bug."""

    def unreadable(reading: Reading) -> Refusal | None:
        raise WireError("nothing to read here")

    def broken(reading: Reading) -> Refusal | None:
        raise ZeroDivisionError

    verdict = verify(GOOD, AGAINST, ("size",), table={"size": unreadable})
    assert verdict.refusal is not None
    assert (verdict.refusal.step, verdict.refusal.found) == ("size", "nothing to read here")
    with pytest.raises(ZeroDivisionError):
        verify(GOOD, AGAINST, ("size",), table={"size": broken})


def test_a_step_whose_keys_cannot_be_used_refuses() -> None:
    """Fail closed: trust that is no key is a refusal, never a pass."""

    def keyless(reading: Reading) -> Refusal | None:
        raise CryptoError("no key of ours")

    refusal = verify(GOOD, AGAINST, ("signer",), table={"signer": keyless}).refusal
    assert refusal is not None
    assert (refusal.step, refusal.found) == ("signer", "no key of ours")
    assert refusal.status is Status.INVALID_IMAGE


@pytest.mark.parametrize("name", load.names())
def test_the_default_is_what_the_shipped_bridges_do(name: str) -> None:
    assert load.load(name).image.verify == DEFAULT_STEPS


def test_a_file_is_read_once_for_all_steps() -> None:
    """Hand every step the same reading."""
    seen: list[object] = []

    def watch(reading: Reading) -> Refusal | None:
        seen.append(reading.file)
        return None

    verify(GOOD, AGAINST, ("a", "b", "c"), table={"a": watch, "b": watch, "c": watch})
    assert len(seen) == 3
    assert seen[0] is seen[1] is seen[2]


def _counted(step: Step, calls: list[bytes]) -> Step:
    def count(reading: Reading) -> Refusal | None:
        calls.append(reading.octets)
        return step(reading)

    return count


def test_a_verdict_is_remembered_by_content() -> None:
    """Answer equal octets from memory, and one changed octet anew."""
    calls: list[bytes] = []
    table = {"integrity": _counted(STEPS["integrity"], calls)}
    memory = VerdictMemory()
    bad = edited(PAYLOAD_AT, "ff", refit=False)
    for data in (GOOD, bytes(bytearray(GOOD)), bad, GOOD, bad):
        verdict = verify(data, AGAINST, ("integrity",), memory, table)
        assert verdict.accepted is (data == GOOD)
    assert len(calls) == 2


def test_another_expectation_never_shares_a_verdict() -> None:
    """Remember nothing of a device that ran, trusted or was offered something else."""
    memory = VerdictMemory()
    steps = ("size", "manifest", "security_counter")
    assert verify(GOOD, AGAINST, steps, memory).accepted
    changes: tuple[dict[str, Any], ...] = (
        {"offered_size": len(GOOD) + 1},
        {"hardware_version": 0xFFFF},
        {"security_counter": 0xFFFFFFFF},
    )
    for change in changes:
        assert not verify(GOOD, replace(AGAINST, **change), steps, memory).accepted
    assert verify(GOOD, AGAINST, steps, memory).accepted


def test_another_table_never_shares_a_verdict() -> None:
    """Keep a bridge with a replaced step from profiting by, or poisoning, an honest one."""
    memory = VerdictMemory()
    blind = {**STEPS, "integrity": lambda reading: None}
    bad = edited(20, "58", refit=False)
    for _ in range(2):
        assert verify(bad, AGAINST, DEFAULT_STEPS, memory, blind).accepted
        assert not verify(bad, AGAINST, DEFAULT_STEPS, memory).accepted
    assert len(memory) == 2


def test_the_memory_forgets_the_least_used() -> None:
    """Hold its limit, and keep what was asked for last."""
    memory = VerdictMemory(limit=2)
    good = Verdict(accepted=True)
    memory.keep("a", good)
    memory.keep("b", good)
    assert memory.recall("a") is good
    memory.keep("c", good)
    assert [memory.recall(key) for key in "abc"] == [good, None, good]
    assert len(memory) == 2
    with pytest.raises(ValueError, match="limit 0"):
        VerdictMemory(limit=0)


_STEP_LISTS = st.lists(st.sampled_from(list(STEPS)), max_size=4, unique=True).map(tuple)
_EXPECTATIONS = st.sampled_from([AGAINST, NO_MANIFEST, *(t[1] for _, _, t in REFUSED)])
_FILES = st.sampled_from([GOOD, b"", GOOD[:90], *(t[0] for _, _, t in REFUSED)])
_TABLES = st.sampled_from([STEPS, {name: lambda reading: None for name in STEPS}])


@given(
    st.lists(st.tuples(_FILES, _EXPECTATIONS, _STEP_LISTS, _TABLES), max_size=20),
    st.integers(1, 5),
)
def test_no_answer_differs_for_the_memory(
    asked: list[tuple[bytes, Expectation, tuple[str, ...], Mapping[str, Step]]], limit: int
) -> None:
    """Give the same verdicts with the memory as without, in any order, however small it is."""
    memory = VerdictMemory(limit)
    for data, against, steps, table in asked:
        expected = verify(data, against, steps, table=table)
        assert verify(data, against, steps, memory, table) == expected
        assert len(memory) <= limit


@given(st.binary(max_size=80), st.sampled_from([*Container]))
def test_any_octets_get_a_verdict(data: bytes, container: Container) -> None:
    """Raise nothing, and accept nothing, whatever was stored."""
    against = replace(AGAINST, container=container, offered_size=len(data))
    for octets in (data, GOOD[:68] + data):
        assert not verify(octets, against, DEFAULT_STEPS).accepted


#: The tag of the integrity code: made another tag, no code is left to judge the file by.
CODE_TAG = (len(GOOD) - 22, len(GOOD) - 21)


@given(st.integers(0, len(GOOD) - 1).filter(lambda at: at not in CODE_TAG), st.integers(1, 255))
def test_any_changed_octet_is_refused(at: int, bits: int) -> None:
    """Refuse GOOD with any one octet changed, but for the tag that asks for the check."""
    data = bytearray(GOOD)
    data[at] ^= bits
    assert not verify(bytes(data), AGAINST, DEFAULT_STEPS).accepted


def test_an_image_without_its_code_still_has_its_manifest() -> None:
    """Accept what the code no longer guards, and refuse its payload changed."""
    data = bytearray(GOOD)
    data[CODE_TAG[1]] = 0xF0
    assert verify(bytes(data), AGAINST, DEFAULT_STEPS).accepted
    data[PAYLOAD_AT] ^= 1
    refusal = verify(bytes(data), AGAINST, DEFAULT_STEPS).refusal
    assert refusal is not None
    assert refusal.step == "manifest"
