"""A DUT file is read whole, or refused in one line that names file, field, found and wanted."""

from pathlib import Path
from typing import Any

import pytest

from emulator.image.build import build
from emulator.profiles.load import load, names
from emulator.wire.manifest import Trait
from harness.dut.load import load_dut
from harness.dut.model import DutError, Restore, Step
from tests.dut.files import BASE, write_dut


def test_file_is_read_whole(tmp_path: Path) -> None:
    dut = load_dut(
        write_dut(
            tmp_path,
            top='power = "cmd:relay {state}"\nlink = "exec:./bridge"\n',
            tables="[profile]\nota.block_size_octets = 32\nota.page_size_octets = 512\n"
            '[states]\n"OTA.CLIENT.PAGE" = true\n'
            '[join]\ninstall_code = "83fed3407a939723a5c639b26916d505c3b5"\n',
        )
    )
    assert (dut.name, dut.eui64, dut.power) == (
        "my-bridge",
        0x00124B0044555431,
        "cmd:relay {state}",
    )
    assert dut.link == "exec:./bridge"
    assert dut.profile.name == "my-bridge"
    assert dut.profile.ota.block_size_octets == 32
    assert dut.profile.boot == load(BASE).boot
    assert [rung.version for rung in dut.ladder.rungs] == [0x01000000, 0x02000000, 0x03000000]
    assert dut.ladder.steps == {Step.UP, Step.SKIP, Step.DOWN}
    assert dut.ladder.restore is Restore.DOWNGRADE
    assert [one.traits for one in dut.ladder.special] == [Trait.MUTE]
    assert dut.join.install_code is not None
    assert dut.unstated(("OTA.CLIENT", "OTA.CLIENT.PAGE")) is None
    assert dut.unstated(("OTA.CLIENT", "GB.CONTAINER")) == "GB.CONTAINER"


def test_digest_covers_the_firmware(tmp_path: Path) -> None:
    path = write_dut(tmp_path)
    before = load_dut(path).sha256
    file = tmp_path / "fw1.ota"
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    assert load_dut(path).sha256 != before


#: What is changed in a good file, and what the complaint must say.
WRONG = [
    ('"downgrade"', '"upgrade"', 'ladder.restore: found "upgrade", wanted downgrade, ladder'),
    ('"downgrade"', '"cmd:"', 'ladder.restore: found "cmd:", wanted a command behind cmd:'),
    (', "down"]', "]", 'ladder.restore: found "downgrade", wanted "down" in ladder.steps'),
    ('"down"]', '"donw"]', 'ladder.steps: found "donw", wanted one of up, skip, down'),
    ("00124b00", "124b", "eui64: found "),
    ("fw2.ota", "none.ota", "ladder.version[1].file: none.ota: found no such file"),
    ("fw2.ota", "fw1.ota", "version[1].file: found version 0x01000000, wanted above 0x01000000"),
    ("fw2.ota", "dut.toml", "ladder.version[1].file: found dut.toml: "),
    ('"mute"', '"mutt"', 'ladder.special[0].does: found "mutt", wanted some of mute'),
    ("name =", "nmae =", "name: found nothing, wanted a text"),
    ("eui64 =", "colour = 1\neui64 =", "colour: found an unknown key, wanted one of name, "),
    ("[ladder]", "[states]\nPAGE = true\n[ladder]", "states.PAGE: found an unknown key"),
    ("[ladder]", "[states]\n'OTA.FILE' = 1\n[ladder]", "states.OTA.FILE: found 1, wanted true or"),
    (
        "[ladder]",
        "[states]\n'OTA.CLIENT.PAGE' = true\n[ladder]",
        "states.OTA.CLIENT.PAGE: found true, wanted false, as ota.page_size_octets of its profile",
    ),
    (
        "[ladder]",
        "[states]\n'SE.APS_SECURITY' = false\n[ladder]",
        "states.SE.APS_SECURITY: found false, wanted true, as ota.aps_encrypt of its profile says",
    ),
    (
        "[ladder]",
        "[states]\n'OTA.CLIENT' = false\n'OTA.CLIENT.RESUME' = true\n[ladder]",
        "states.OTA.CLIENT: found false, wanted true, as OTA.CLIENT.",
    ),
    ("[ladder]", "[profile]\nota.block = 1\n[ladder]", "profile.ota.block: unknown key"),
    ("[ladder]", "[profile]\nota.block_tries = 0\n[ladder]", "profile.ota.block_tries: found 0"),
    ("[ladder]", "[profile]\nota.image_type = 9\n[ladder]", "image type 0x0001, wanted 0x0009"),
    ("[ladder]", "[profile]\nname = 'x'\n[ladder]", "profile.name: found 'x', wanted name at the"),
    ("[ladder]", '[join]\nlink_key = "00"\n[ladder]', "join.link_key: found"),
    (
        "[ladder]",
        '[join]\ninstall_code = "83fed3407a939723a5c639b26916d505c3b6"\n[ladder]',
        "join.install_code: CRC: found C3B6, wanted C3B5",
    ),
    ("[ladder]", "[join]\ncbke = 1\n[ladder]", "join.cbke: found 1, wanted true or false"),
    ("[ladder]", "[radio]\nband = '900'\n[ladder]", 'radio.band: found "900", wanted one of 2.4, '),
    ("[ladder]", "[radio]\ncolour = 1\n[ladder]", "radio.colour: found an unknown key"),
    ("[ladder]", '[keys]\ntest = "fw1.ota"\n[ladder]', "keys.test: fw1.ota: "),
    ("my-bridge", "my bridge", "profile.name: found"),
    ('["mute"]', "[]", "ladder.special[0].does: found nothing, wanted some of mute"),
    ("00124b0044555431", "ffffffffffffffff", "eui64: found ffffffffffffffff, wanted the address"),
    ("00124b0044555431", "0000000000000000", "eui64: found 0000000000000000, wanted the address"),
    ("eui64 =", 'power = "relay"\neui64 =', 'power: found "relay", wanted cmd:COMMAND, relay:PORT'),
    ("eui64 =", 'power = "cmd: "\neui64 =', 'power: found "cmd: ", wanted cmd:COMMAND'),
    ("eui64 =", 'power = "ask:me"\neui64 =', 'power: found "ask:me", wanted cmd:COMMAND'),
    ("[ladder]", '[keys]\ntest = "dut.toml"\n[ladder]', "keys.test: dut.toml: "),
    ("[ladder]", "ladder]", "wanted a file of TOML"),
]


@pytest.mark.parametrize(("old", "new", "said"), WRONG, ids=[each[2][:40] for each in WRONG])
def test_wrong_file_is_refused_in_one_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = write_dut(tmp_path)
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(DutError) as caught:
        load_dut(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert said in message
    assert "\n" not in message


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DutError, match=r"nowhere\.toml: found no such file"):
        load_dut(tmp_path / "nowhere.toml")


#: Octets of the profile that a file starts from, and what the complaint must say.
WRONG_BASES = [
    (b"\xff\xfe", "base: own.toml: found no text, wanted UTF-8"),
    (b"a = = 1", "base: own.toml: not TOML"),
    (b"a = " + b"[" * 100_000, "base: own.toml: not TOML that is read here: nested too deep"),
    (b"colour = 1", "base: own.toml: colour: unknown key"),
]


@pytest.mark.parametrize(("octets", "said"), WRONG_BASES, ids=[each[1] for each in WRONG_BASES])
def test_wrong_base_is_blamed_on_its_own_file(tmp_path: Path, octets: bytes, said: str) -> None:
    path = write_dut(tmp_path)
    (tmp_path / "own.toml").write_bytes(octets)
    path.write_text(path.read_text("utf-8").replace(f'base = "{BASE}"', 'base = "own.toml"'))
    with pytest.raises(DutError) as caught:
        load_dut(path)
    assert str(caught.value).startswith(f"{path}: {said}")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hardware": (0x0500, 0x0501)}, "fw2.ota: for hardware 0x0500 to 0x0501, wanted 0x0102, "),
        ({"destination": 0x1234}, "fw2.ota: for the device 0000000000001234, wanted 00124b00445"),
    ],
)
def test_image_for_another_device_is_refused(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    path = write_dut(tmp_path)
    ota = load(BASE).ota
    foreign = build(
        payload=bytes(64),
        manufacturer=ota.manufacturer_code,
        image_type=ota.image_type,
        version=0x02000000,
        **changes,
    )
    (tmp_path / "fw2.ota").write_bytes(foreign)
    with pytest.raises(DutError) as caught:
        load_dut(path)
    assert said in str(caught.value)
    lenient = path.read_text("utf-8").replace(
        "[ladder]", "[profile]\nimage.verify = ['header', 'size', 'structure']\n[ladder]", 1
    )
    path.write_text(lenient, "utf-8")
    assert load_dut(path).ladder.rungs[1].octets == foreign


def test_image_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    path = write_dut(tmp_path)
    whole = (tmp_path / "fw2.ota").read_bytes()
    (tmp_path / "fw2.ota").write_bytes(whole[:-1])
    with pytest.raises(DutError) as caught:
        load_dut(path)
    told = f"found fw2.ota: {len(whole) - 1} octets, wanted {len(whole)}, as its header says"
    assert f"ladder.version[1].file: {told}" in str(caught.value)


def test_image_of_another_maker_is_refused(tmp_path: Path) -> None:
    path = write_dut(tmp_path)
    ota = load(names()[0]).ota
    foreign = build(
        payload=bytes(64), manufacturer=0x1234, image_type=ota.image_type, version=0x02000000
    )
    (tmp_path / "fw2.ota").write_bytes(foreign)
    with pytest.raises(DutError, match="manufacturer 0x1234, wanted 0xfff1, as the profile says"):
        load_dut(path)
