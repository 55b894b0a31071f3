"""Profiles are refused with file, key, found and expected; good ones survive a round trip."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from emulator.errors import ProfileError
from emulator.profiles import load, model
from harness.cli.profiles import as_toml

BUILT_IN = ("B1", "B2", "B3", "B4")
FOLDER = Path(load.__file__).parent
#: The CAs of the published certificates (ota-cluster 6.5).
SUITE_1_CA = "0200fde8a7f3d1084224962a4e7c54e69ac3f04da6b8"
SUITE_2_CA = "0207a445022d9f39f49bdc38380026a27a9e0a1799313ab28c5c1a1c6b605154db1dff6752"


def text_of(name: str) -> str:
    return (FOLDER / f"{name.lower()}.toml").read_text("utf-8")


def test_the_built_in_types_are_there() -> None:
    assert load.names() == BUILT_IN
    assert [load.load(name).name for name in BUILT_IN] == list(BUILT_IN)


def test_a_name_is_found_in_any_case() -> None:
    assert load.load("b1") == load.load("B1")


def test_roles_and_power_are_those_of_the_fact_sheet() -> None:
    every = [load.load(name) for name in BUILT_IN]
    assert [(each.role, each.power) for each in every] == [
        (model.Role.NEAR, model.Power.MAINS),
        (model.Role.REMOTE_IHD, model.Power.MAINS),
        (model.Role.REMOTE_GSME, model.Power.MAINS),
        (model.Role.REMOTE_GSME, model.Power.BATTERY),
    ]
    assert [each.name for each in every if each.sleep is not None] == ["B4"]


def test_the_types_differ_where_code_could_rely_on_one_value() -> None:
    every = [load.load(name) for name in BUILT_IN]
    assert len({each.ota.endpoint for each in every}) == len(every)
    assert len({each.ota.image_type for each in every}) == len(every)
    assert len({each.flash.program_size_octets for each in every}) == len(every)
    assert len({each.ota.block_size_octets for each in every}) > 1
    assert len({each.ota.cluster_revision for each in every}) > 1
    assert {each.ota.block_sends_node_address for each in every} == {False, True}


@pytest.mark.parametrize("name", BUILT_IN)
def test_no_built_in_type_applies_an_image_that_nobody_released(name: str) -> None:
    assert load.load(name).ota.timeout_policy == 1
    assert load.load(name).ota.activation_policy == 0


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_key_says_why(name: str) -> None:
    lines = text_of(name).splitlines()
    silent = [
        line
        for above, line in pairwise(lines)
        if " = " in line and "#" not in line and not above.startswith("#")
    ]
    assert [line.split(" = ")[0] for line in silent] == ["name", "about"]


def test_an_unknown_name_says_what_there_is() -> None:
    with pytest.raises(ProfileError, match=r"^B7: no such profile.*there are B1, B2, B3, B4$"):
        load.load("B7")


# One document, one flaw, one line that says all. Each row: what is replaced, by what, the message.
FLAWS = {
    "unknown key": (
        "block_tries = 10",
        "block_tires = 10",
        r"ota\.block_tires: unknown key; did you mean block_tries\?",
    ),
    "unknown table": ("[radio]", "[radar]", r"radar: unknown key; did you mean radio\?"),
    "missing key": ("image_type = 0x0001", "", r"ota\.image_type: found nothing, expected an int"),
    "missing table": (
        re.compile(r"\[radio\].*", re.DOTALL),
        "",
        r"radio: found nothing, expected a table",
    ),
    "string for integer": (
        "block_tries = 10",
        'block_tries = "ten"',
        r'ota\.block_tries: found "ten", expected an integer in 1\.\.255',
    ),
    "boolean for integer": (
        "block_tries = 10",
        "block_tries = true",
        r"ota\.block_tries: found true, expected an integer",
    ),
    "integer for boolean": (
        "aps_encrypt = true",
        "aps_encrypt = 1",
        r"ota\.aps_encrypt: found 1, expected true or false",
    ),
    "float": ("block_tries = 10", "block_tries = 1.5", r"ota\.block_tries: found 1\.5, expected"),
    "date": ("block_tries = 10", "block_tries = 2026-01-01", r"ota\.block_tries: found 2026-01-01"),
    "value for table": (
        re.compile(r"\[radio\].*", re.DOTALL),
        "[radio.frame_counter_leap]\nx = 1\n",
        r"radio\.frame_counter_leap: found a table, expected an integer",
    ),
    "unknown enum value": (
        'power = "mains"',
        'power = "main"',
        r'power: found "main", expected one of mains, battery; did you mean mains\?',
    ),
    "enum of a wrong type": ('power = "mains"', "power = 3", r"power: found 3, expected one of"),
    "unknown step": (
        '"integrity",',
        '"integral",',
        r'image\.verify\[5\]: found "integral", expected one of header, .*did you mean integrity',
    ),
    "area of three": (
        "slot_b = [0x040000, 0x080000]",
        "slot_b = [1, 2, 3]",
        r"flash\.slot_b: found \[1, 2, 3\], expected an array of 2 integers",
    ),
    "area of strings": (
        "slot_b = [0x040000, 0x080000]",
        'slot_b = ["a", 2]',
        r'flash\.slot_b\[0\]: found "a", expected an integer',
    ),
    "swap": (
        'scheme = "ab"',
        'scheme = "swap"',
        r'flash\.scratch: found nothing, expected more than 12 octets where boot\.scheme is "swap"',
    ),
    "an area for downloads": (
        "slot_b = [0x040000, 0x080000]",
        "slot_b = [0x040000, 0x080000]\ndownload = [0x086000, 0x0C6000]",
        r"flash\.download: found .*, expected no such key: .* is not yet supported",
    ),
    "cs06": ('"zigbee"', '"cs06"', r"ota\.activation: .*cs06 is not yet supported"),
    "ppmid": ('"zigbee"', '"ppmid"', r"ota\.activation: .*ppmid is not yet supported"),
    "signature": (
        '"security_counter",',
        '"signature_suite2",',
        r'image\.verify: .*expected "signer" beside the other steps of signatures',
    ),
    "trust of a wrong type": (
        "[radio]",
        '[trust]\nissuer = "5445"\n[radio]',
        r'trust\.issuer: found "5445", expected an integer in 0x0000000000000001\.\.0xFF',
    ),
    "no step there is": (
        '"security_counter",',
        '"signature",',
        r'image\.verify\[7\]: found "signature", .*did you mean signature_suite1',
    ),
    "no TOML": ("[radio]", "[radio", r"not TOML: .*line \d+"),
    "key twice": ("block_tries = 10", "block_tries = 1\nblock_tries = 2", r"not TOML: .*line \d+"),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_flaw_is_named_in_one_line(flaw: str) -> None:
    old, new, message = FLAWS[flaw]
    good = text_of("B1")
    if isinstance(old, str):
        assert good.count(old) == 1, "the flaw is planted in one place"
        bad = good.replace(old, new)
    else:
        bad = old.sub(new, good)
    with pytest.raises(ProfileError) as caught:
        load.parse(bad, "mine.toml")
    said = str(caught.value)
    assert re.match(r"mine\.toml: " + message, said), said
    assert "\n" not in said


@pytest.mark.parametrize(
    "text",
    ["", "x" * 10_000, "a = " + "[" * 50_000, "a = " + "9" * 5_000, "\0", 'name = "B\\n1"'],
    ids=["empty", "long", "nested", "digits", "NUL", "newline"],
)
def test_junk_is_refused_in_one_short_line(text: str) -> None:
    with pytest.raises(ProfileError) as caught:
        load.parse(text, "junk.toml")
    assert str(caught.value).startswith("junk.toml: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_profile_survives_the_way_through_plain_data(name: str) -> None:
    profile = load.load(name)
    assert load.overlay(profile, {}) == profile
    assert load.overlay(profile, load.plain(profile)) == profile


def test_an_overlay_changes_what_it_names_and_nothing_else() -> None:
    before = load.load("B1")
    after = load.overlay(before, {"ota.block_size_octets": 50, "name": "B1-50"})
    assert (after.ota.block_size_octets, after.name) == (50, "B1-50")
    back = load.overlay(after, {"ota.block_size_octets": 40, "name": "B1"})
    assert back == before
    assert before.ota.block_size_octets == 40


def test_an_overlay_takes_enums_and_tuples_as_well_as_toml_values() -> None:
    by_enum = load.overlay(
        load.load("B2"),
        {
            "image.container": model.Container.GBCS,
            "image.verify": (model.VerifyStep.HEADER, model.VerifyStep.SIZE),
            "image.manifest": model.Manifest.NONE,
        },
    )
    by_text = load.overlay(
        load.load("B2"),
        {"image.container": "gbcs", "image.verify": ["header", "size"], "image.manifest": "none"},
    )
    assert by_enum == by_text


def test_an_overlay_adds_and_removes_an_optional_table() -> None:
    awake = load.overlay(load.load("B4"), {"sleep": None})
    assert awake.sleep is None
    asleep = load.overlay(awake, {"sleep.poll_ms": 6000, "sleep.fast_poll_ms": 250})
    assert asleep == load.load("B4")


def test_an_overlay_adds_trust_and_the_steps_that_need_it() -> None:
    changes = {
        "trust.signers": [0x0A0B0C0D0E0F1011, 0x90B3D51F30010000],
        "trust.issuer": 0x1112131415161718,
        "trust.ca_suite1": SUITE_1_CA,
        "trust.ca_suite2": SUITE_2_CA,
        "image.verify": ["signer", "certificate", "signature_suite1", "signature_suite2"],
    }
    profile = load.overlay(load.load("B1"), changes)
    assert profile.trust is not None
    assert profile.trust.signers == (0x0A0B0C0D0E0F1011, 0x90B3D51F30010000)
    assert profile.trust.authority(1) == bytes.fromhex(SUITE_1_CA)
    assert profile.trust.authority(2) == bytes.fromhex(SUITE_2_CA)
    assert profile.trust.supplier is None
    assert profile.image.suites == (1, 2)
    assert load.parse(as_toml(profile), "again.toml") == profile
    with pytest.raises(ProfileError, match=r"^B1: trust\.signers: found nothing, expected the EUI"):
        load.overlay(profile, {"trust": None})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ota.block_size": 50}, r"ota\.block_size: unknown key; did you mean block_size_octets"),
        ({"ota.block_size_octets": 256}, r"ota\.block_size_octets: found 256, expected 1\.\.255"),
        ({"ota.block_tries": None}, r"ota\.block_tries: found nothing"),
        ({"name.first": "B"}, r"name\.first: name is a value, not a table"),
        ({"sleep.poll_ms": 5}, r"sleep\.fast_poll_ms: found nothing"),
        ({"sleep": 5}, r"sleep: found 5, expected a table"),
        ({"boot.scheme": "swap"}, r"flash\.scratch: found nothing"),
    ],
)
def test_an_overlay_is_checked_as_a_file_is(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ProfileError, match=r"^B1: " + message):
        load.overlay(load.load("B1"), changes)
