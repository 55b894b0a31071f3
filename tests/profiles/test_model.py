"""Each check of the model refuses what it is there for, and a profile at its edge passes."""

from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import pytest

from emulator.errors import ProfileError
from emulator.profiles import load, model
from emulator.profiles.scale import scaled
from emulator.profiles.section import ranges

BASE = load.load("B1")
TABLES = ("ota", "image", "flash", "boot", "radio", "sleep")

#: Everything that a bridge can be given to trust: the CAs of ota-cluster 6.5, a key of our own.
TRUST: dict[str, object] = {
    "trust.signers": [1],
    "trust.issuer": 2,
    "trust.ca_suite1": "0200fde8a7f3d1084224962a4e7c54e69ac3f04da6b8",
    "trust.ca_suite2": (
        "0207a445022d9f39f49bdc38380026a27a9e0a1799313ab28c5c1a1c6b605154db1dff6752"
    ),
    "trust.gb_key": (
        "0408a2ef9ef42c7c0b232b9a38bbd9db94e7c311b5b3fcc8ac4fdab848ae5d6d44"
        "ffe50bbbd3ac33044de4a9632e21b9e69ed9e419ebb1e2a77b2c61468504ce97"
    ),
}
RAW: dict[str, object] = {
    "image.container": "gbcs",
    "image.verify": ["trailer", "gb_signature", "manifest"],
}
SIGNED = ["signer", "certificate", "signature_suite1", "signature_suite2"]


def lacking(name: str, *steps: str) -> dict[str, object]:
    """Return changes that give a bridge all of the trust but one key, and these steps."""
    return {**TRUST, f"trust.{name}": None, "image.verify": list(steps)}


REFUSED: list[tuple[dict[str, object], str]] = [
    ({"name": "a b"}, r"name: found \"a b\", expected 1\.\.32 letters"),
    ({"name": "../evil"}, r"name: found"),
    ({"about": " "}, r"about: found \" \", expected one line"),
    ({"about": "two\nlines"}, r"about: found"),
    ({"ota.manufacturer_code": 0xFFFF}, r"found 0xFFFF, expected 0x0000\.\.0xFFFE"),
    ({"ota.image_type": 0xFFC0}, r"found 0xFFC0, expected 0x0000\.\.0xFFBF"),
    ({"ota.image_type": -1}, r"found -1, expected 0x0000\.\.0xFFBF"),
    ({"ota.endpoint": 0}, r"expected 1\.\.240"),
    ({"ota.endpoint": 241}, r"expected 1\.\.240"),
    ({"ota.zigbee_profile": 0}, r"found 0x0000, expected 0x0001"),
    ({"ota.activation_policy": 2}, r"expected 0\.\.1"),
    ({"ota.block_size_octets": 0}, r"expected 1\.\.255"),
    ({"ota.block_size_octets": 256}, r"expected 1\.\.255"),
    ({"ota.query_period_s": 0}, r"expected 1\.\."),
    ({"ota.query_jitter_s": 86_400}, r"query_jitter_s: found 86400, expected less than"),
    ({"ota.timer_scale": 0}, r"timer_scale: found 0, expected 1\.\.86400"),
    (
        {"ota.more_image_types": [1, 2]},
        r"more_image_types\[0\]: found 0x0001, expected each .*once",
    ),
    (
        {"ota.more_image_types": [2, 2]},
        r"more_image_types\[1\]: found 0x0002, expected each .*once",
    ),
    ({"ota.more_image_types": [0xFFC0]}, r"more_image_types\[0\]: .*0x0000\.\.0xFFBF"),
    ({"ota.more_image_types": [2]}, r"flash\.extra: found nothing, expected a sector or more"),
    (
        {"ota.more_image_types": [2, 3], "flash.extra": [0x086000, 0x087000]},
        r"flash\.extra: found \[0x086000, 0x087000\], expected a sector or more for each of 2",
    ),
    ({"flash.extra": [0x085000, 0x087000]}, r"extra: .*no overlap with data"),
    ({"flash.extra": [0x086000, 0x086800]}, r"extra: .*multiples of erase_size"),
    (
        {"ota.page_size_octets": 39},
        r"page_size_octets: found 39, expected 0 or at least block_size",
    ),
    ({"ota.page_size_octets": 4097}, r"page_size_octets: found 4097, expected 0\.\.4096"),
    ({"ota.page_timeout_ms": 30_001}, r"page_timeout_ms: found 30001, expected 1\.\.30000"),
    ({"ota.timeout_policy": 0, "ota.end_tries": 2}, r"end_tries: found 2, expected at least 3"),
    ({"ota.stranger": "refused"}, r"stranger: .*expected one of refuse, ignore; did you mean ref"),
    ({"image.verify": []}, r"image\.verify: found \[\], expected at least one step"),
    ({"image.verify": ["size", "size"]}, r"expected each step once"),
    ({"image.manifest": "none"}, r'image\.verify: .*no "manifest" step'),
    ({"image.container": "gbcs"}, r'image\.verify: .*no "integrity" step'),
    ({"image.verify": ["header", "trailer"]}, r'image\.verify: .*no "trailer" step'),
    ({**TRUST, "image.verify": ["gb_signature"]}, r'no "gb_signature" step: container "zcl"'),
    (
        {**TRUST, "image.container": "gbcs", "image.verify": SIGNED},
        r'image\.verify: .*no "signer" step: container "gbcs" has no sub-elements',
    ),
    (
        {"image.manifest": "none", "image.verify": ["security_counter"]},
        r'no "security_counter" step where image\.manifest is "none"',
    ),
    (
        {**TRUST, "image.verify": ["certificate", "signature_suite1"]},
        r'expected "signer" beside the other steps of signatures',
    ),
    (
        {**TRUST, "image.verify": ["signer", "signature_suite2"]},
        r'expected "certificate" beside the other',
    ),
    (
        {**TRUST, "image.verify": ["signer", "certificate"]},
        r'expected "signature_suite1" or "signature_suite2" beside',
    ),
    (lacking("signers", *SIGNED), r'trust\.signers: found nothing, .*image\.verify has "signer"'),
    (lacking("issuer", *SIGNED), r'trust\.issuer: found nothing, .*has "certificate"'),
    (lacking("ca_suite1", *SIGNED), r'trust\.ca_suite1: found nothing, .*has "signature_suite1"'),
    (lacking("ca_suite2", *SIGNED), r'trust\.ca_suite2: found nothing, .*has "signature_suite2"'),
    (
        {**TRUST, **RAW, "trust.gb_key": None},
        r"trust\.gb_key: found nothing, expected the supplier",
    ),
    ({**RAW}, r"trust\.gb_key: found nothing, expected the supplier"),
    ({"trust.signers": [0]}, r"trust\.signers\[0\]: found 0x0000000000000000, expected 0x0+1\.\."),
    ({"trust.signers": [5, 5]}, r"trust\.signers\[1\]: found 0x0+5, expected each signer once"),
    ({"trust.issuer": 1 << 64}, r"trust\.issuer: found 0x10+, expected 0x0+1\.\.0xF+E$"),
    ({"trust.issuer": -1}, r"trust\.issuer: found -1, expected"),
    ({"trust.ca_suite1": "02xy"}, r'trust\.ca_suite1: found "02xy", expected a compressed point'),
    ({"trust.ca_suite1": "02" + "00" * 21}, r"ca_suite1: found a point of another order"),
    ({"trust.ca_suite1": "02" + "00" * 20}, r"ca_suite1: found 02.* of 21 octets, .*sect163k1"),
    (
        {"trust.ca_suite1": TRUST["trust.ca_suite2"]},
        r"ca_suite1: found 0207.* of 37 octets, expected a compressed point of sect163k1",
    ),
    ({"trust.ca_suite2": "02" + "ff" * 36}, r"ca_suite2: found 02f.* of 37 octets, .*sect283k1"),
    ({"trust.gb_key": "04" + "00" * 64}, r"trust\.gb_key: found 0400.*, expected a P-256 point"),
    ({"trust.gb_key": "04"}, r'trust\.gb_key: found "04", expected a P-256 point'),
    ({"image.signed_integrity": "drop"}, r"signed_integrity: .*expected one of keep, leave_out"),
    ({"flash.program_size_octets": 3}, r"found 3, expected a power of two"),
    ({"flash.program_size_octets": 512}, r"found 512, expected 1\.\.256"),
    ({"flash.erase_size_octets": 4000}, r"found 4000, expected a multiple of program_size"),
    ({"flash.size_octets": 0x100001}, r"size_octets: .*a multiple of erase_size"),
    ({"flash.erased_value": 0x7F}, r"found 0x7F, expected 0x00 or 0xFF"),
    ({"flash.slot_a": [0x040000, 0]}, r"slot_a: .*0 <= start < end <= size_octets"),
    ({"flash.slot_a": [0, 0]}, r"slot_a: .*start < end"),
    ({"flash.slot_a": [-4096, 0x03F000]}, r"slot_a: found \[-4096"),
    ({"flash.slot_b": [0x0C1000, 0x101000]}, r"slot_b: .*end <= size_octets"),
    ({"flash.slot_b": [0x040800, 0x080800]}, r"slot_b: .*multiples of erase_size"),
    ({"flash.slot_b": [0x03F000, 0x07F000]}, r"slot_b: .*no overlap with slot_a"),
    ({"flash.data": [0x081000, 0x083000]}, r"data: .*no overlap with boot_record"),
    ({"flash.boot_record": [0x080000, 0x081000]}, r"boot_record: .*at least 2 sectors"),
    ({"flash.data": [0x082000, 0x083000]}, r"data: .*at least 2 sectors"),
    ({"flash.slot_b": [0x040000, 0x07F000]}, r"slot_b: found 258048 octets, expected 262144"),
    ({"boot.trial_boots": 0}, r"trial_boots: found 0, expected 1\.\.255"),
    ({"boot.trial_checkpoint_s": 1201}, r"trial_checkpoint_s: .*at most confirm_within_s"),
    ({"boot.confirm_after_s": 1200}, r"confirm_after_s: .*less than confirm_within_s \(1200\)"),
    ({"boot.retries": 255}, r"retries: found 255, expected 0\.\.254"),
    ({"boot.scheme": "swap"}, r"scratch: found nothing, expected more than 12 octets where"),
    (
        {
            "boot.scheme": "swap",
            "flash.program_size_octets": 1,
            "flash.erase_size_octets": 1,
            "flash.scratch": [0x086000, 0x08600C],
        },
        r"scratch: found \[0x086000, 0x08600C\], expected more than 12 octets",
    ),
    ({"radio.frame_counter_leap": 0}, r"frame_counter_leap: found 0"),
    ({"sleep.poll_ms": 100, "sleep.fast_poll_ms": 200}, r"fast_poll_ms: .*at most poll_ms"),
]

#: A second chip behind the first map of B4, which everything lies before.
SECOND = {
    "size_octets": 0x04A000,
    "second_start": 0x048000,
    "second_erase_size_octets": 4096,
    "second_program_size_octets": 256,
    "second_erased_value": 0x00,
}


def with_second(**changes: object) -> dict[str, object]:
    """Return B1 with slot B on a second chip, and with these keys of the table flash."""
    keys = {
        "second_start": 0x040000,
        "second_erase_size_octets": 512,
        "second_program_size_octets": 16,
        "second_erased_value": 0x00,
        "slot_b": [0x040000, 0x080000],
        "boot_record": [0x080000, 0x080600],
        "data": [0x080600, 0x081000],
        "size_octets": 0x081000,
    }
    return {f"flash.{name}": value for name, value in (keys | changes).items() if value is not None}


TWO_CHIPS_REFUSED: list[tuple[dict[str, object], str]] = [
    (with_second(second_erased_value=None), r"second_erased_value: found nothing, expected all"),
    (with_second(second_start=None), r"second_start: found nothing, expected all four"),
    (with_second(second_erased_value=7), r"second_erased_value: found 0x07, expected 0x00 or"),
    (with_second(second_program_size_octets=24), r"second_program_size_octets: .*power of two"),
    (with_second(second_erase_size_octets=100), r"second_erase_size_octets: .*multiple of second_"),
    (with_second(second_erase_size_octets=3072), r"second_erase_size.*found 3072.* a divisor or"),
    (with_second(second_erase_size_octets=128), r"second_erase_size.*larger program size \(256\)"),
    (with_second(second_start=0x03F800), r"second_start: found 0x03F800.*larger erase size"),
    (with_second(second_start=0x090000), r"second_start: found 0x090000.*below size_octets"),
    (with_second(size_octets=0x081080), r"size_octets: .*multiple of second_erase_size_octets"),
    (
        with_second(slot_a=[0x001000, 0x041000]),
        r"slot_a: .*one chip: .* starts at 0x040000",
    ),
    (with_second(data=[0x080700, 0x081000]), r"data: .*of second_erase_size_octets \(512\)"),
    (with_second(boot_record=[0x080000, 0x080200]), r"boot_record: .*2 sectors of 512 octets"),
    (
        with_second(scratch=[0x081000, 0x081200], size_octets=0x081200)
        | {"boot.scheme": "swap", "boot.trial_boots": 3},
        r"flash.scratch: found 512 octets, expected a multiple of 4096, the largest sector",
    ),
]


@pytest.mark.parametrize(("changes", "why"), TWO_CHIPS_REFUSED)
def test_a_second_chip_is_refused_where_it_cannot_be(changes: dict[str, object], why: str) -> None:
    with pytest.raises(ProfileError, match=why):
        load.overlay(BASE, changes)


def test_a_second_chip_has_its_own_sizes() -> None:
    flash = load.overlay(BASE, with_second()).flash
    first, second = flash.chips
    assert (first.start, first.end, second.start, second.end) == (0, 0x040000, 0x040000, 0x081000)
    assert flash.chip_of(0x03FFFF) == first == (0, 0x040000, 4096, 256, 0xFF)
    assert flash.chip_of(0x040000) == second == (0x040000, 0x081000, 512, 16, 0x00)
    assert load.load("B1").flash.chips == ((0, BASE.flash.size_octets, 4096, 256, 0xFF),)


ACCEPTED: list[dict[str, object]] = [
    {"ota.block_size_octets": 1},
    {"ota.block_size_octets": 255},
    {"ota.image_type": 0xFFBF},
    {"ota.first_query_delay_s": 0, "ota.query_jitter_s": 0},
    {"ota.page_size_octets": 40},
    {"ota.timeout_policy": 0},
    {"ota.end_tries": 1},
    {"ota.timeout_policy": 0, "ota.activation_policy": 1, "ota.end_tries": 1},
    {"ota.more_image_types": [2], "flash.extra": [0x086000, 0x087000]},
    {"flash.erased_value": 0x00},
    {"flash.program_size_octets": 1},
    {"flash.slot_b": [0x0C0000, 0x100000]},
    {"image.verify": ["manifest"]},
    {"image.container": "gbcs", "image.verify": ["header"], "image.manifest": "none"},
    {"boot.trial_checkpoint_s": 1200},
    {"boot.confirm_after_s": 0, "boot.confirm_pause_max_s": 0},
    {"boot.confirm_after_s": 1199},
    {"boot.retry_after_s": 0, "boot.retries": 0},
    {"boot.scheme": "swap", "flash.scratch": [0x086000, 0x087000]},
    {"flash.scratch": [0x086000, 0x087000]},
]


@pytest.mark.parametrize(("changes", "message"), REFUSED, ids=lambda value: str(value)[:60])
def test_what_cannot_be_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ProfileError, match=message):
        load.overlay(BASE, changes)


@pytest.mark.parametrize("changes", ACCEPTED, ids=str)
def test_what_lies_at_the_edge_passes(changes: dict[str, object]) -> None:
    assert load.overlay(BASE, changes) != BASE


def test_the_model_checks_itself_without_the_loader() -> None:
    with pytest.raises(ProfileError, match=r"^boot\.trial_boots: found 0, expected 1\.\.255$"):
        replace(load.load("B1").boot, trial_boots=0)


def test_each_integer_is_bounded() -> None:
    unbounded = []
    for table in TABLES:
        section = type(getattr(load.load("B4"), table))
        bounds = ranges(section)
        unbounded += [
            f"{table}.{field.name}"
            for field in fields(section)
            if isinstance(getattr(getattr(load.load("B4"), table), field.name), int)
            and not isinstance(getattr(getattr(load.load("B4"), table), field.name), bool)
            and field.name not in bounds
        ]
    assert unbounded == []


def test_a_profile_is_a_value() -> None:
    profile: Any = load.load("B1")
    with pytest.raises(FrozenInstanceError):
        profile.name = "B2"
    assert {load.load("B1"): "once"}[load.overlay(BASE, {})] == "once"


def test_keys_are_those_of_the_documents() -> None:
    everything = {"flash.extra": [0x045000, 0x045200], **TRUST, **RAW}
    everything |= {f"flash.{name}": value for name, value in SECOND.items()}
    document = load.plain(load.overlay(load.load("B4"), everything))
    dotted = [
        f"{name}.{key}" if isinstance(value, dict) else name
        for name, value in document.items()
        for key in (value if isinstance(value, dict) else [name])
    ]
    assert list(model.keys()) == dotted


def test_a_value_is_not_both_known_and_to_come() -> None:
    both = [kind for kind, later in model.NOT_YET.items() if later & {str(each) for each in kind}]
    assert both == []


# Scale.


def test_no_scale_changes_nothing() -> None:
    assert scaled(BASE.ota) is BASE.ota


def test_a_scale_divides_what_counts_seconds_and_nothing_else() -> None:
    before = load.overlay(BASE, {"ota.timer_scale": 60}).ota
    after = scaled(before)
    assert (after.query_period_s, after.end_retry_s, after.wait_poll_s) == (1440, 60, 60)
    assert (after.first_query_delay_s, after.discovery_retry_s) == (1, 10)
    assert after.block_timeout_ms == before.block_timeout_ms
    changed = {
        field.name
        for field in fields(before)
        if getattr(before, field.name) != getattr(after, field.name)
    }
    assert {name for name in changed if not name.endswith("_s")} == {"timer_scale"}
    assert scaled(after) is after


@pytest.mark.parametrize("divisor", [2, 3599, 3600, 3601, 86_400])
def test_a_scale_never_makes_a_profile_that_cannot_be(divisor: int) -> None:
    near = {"ota.query_period_s": 3700, "ota.query_jitter_s": 3699}
    for changes in ({}, near):
        ota = scaled(load.overlay(BASE, {**changes, "ota.timer_scale": divisor}).ota)
        assert 0 <= ota.query_jitter_s < ota.query_period_s


# The extra area.


@pytest.mark.parametrize(
    ("extra", "count", "parts"),
    [
        ([0x086000, 0x08A000], 1, [(0x086000, 0x08A000)]),
        ([0x086000, 0x08B000], 2, [(0x086000, 0x088000), (0x088000, 0x08A000)]),
        ([0x086000, 0x087000], 2, []),
        ([0x086000, 0x08A000], 0, []),
        (None, 1, []),
    ],
)
def test_the_extra_area_is_cut_into_equal_parts(
    extra: list[int] | None, count: int, parts: list[tuple[int, int]]
) -> None:
    flash = load.overlay(BASE, {"flash.extra": extra}).flash
    assert list(flash.parts_of_extra(count)) == parts
