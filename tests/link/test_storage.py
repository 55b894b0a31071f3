"""What a folder keeps of a bridge: all of it, after any end of the program."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator import Bridge
from emulator.actions import Joined
from emulator.contract import Identity
from emulator.errors import LinkError, StateError
from emulator.flash.nor import Content
from emulator.link import storage as module
from emulator.link.chance import stream
from emulator.link.storage import BASE, Storage
from emulator.units import SECOND
from harness.firmware import FIRST_VERSION
from tests.ncp.parties import image_of, make_bridge, profile_of

EUI64 = 0x0248414E00000001
KIND = "B1"
WHO = {"eui64": "0248414e00000001", "manufacturer": 1, "image_type": 1, "hardware_version": 1}


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    made = Storage(tmp_path / "kept")
    yield made
    made.close()


def kept(folder: Path, kind: str = KIND) -> Bridge:
    """Return the bridge that a folder keeps."""
    opened = Storage(folder)
    try:
        bridge = Bridge(profile_of(kind), stream)
        opened.load(bridge)
        return bridge
    finally:
        opened.close()


def live(storage: Storage, joins: int = 3) -> tuple[Bridge, list[Content]]:
    """Let a bridge live a little; return it, and its flash after each call that changed it."""
    bridge = make_bridge(KIND, EUI64)
    storage.begin(bridge, 1)
    moments = [bridge.flash.content()]
    bridge.power_on(0)
    for number in range(joins):
        bridge.event(Joined(address=0x1000 + number, network_key=bytes(16)), number * SECOND)
        storage.keep()
        moments.append(bridge.flash.content())
    return bridge, moments


def test_a_new_folder_is_new_once(storage: Storage) -> None:
    assert storage.is_new
    live(storage)
    assert not storage.is_new


def test_everything_is_kept(storage: Storage) -> None:
    bridge, moments = live(storage)
    storage.close()
    again = kept(storage.folder)
    assert again.identity == bridge.identity
    assert again.flash.content() == moments[-1]
    assert again.flash.operations == bridge.flash.operations
    assert kept(storage.folder).flash.content() == moments[-1]  # once more, from the new base
    assert len(list(storage.folder.glob("flash-*.log"))) == 1


def test_a_log_that_ends_anywhere_is_a_moment_of_the_past(storage: Storage) -> None:
    _, moments = live(storage)
    storage.close()
    (log,) = storage.folder.glob("flash-*.log")
    whole, seen = log.read_bytes(), 0
    base = (storage.folder / BASE).read_bytes()
    for end in range(0, len(whole) + 1, 7):
        shutil.rmtree(storage.folder)
        storage.folder.mkdir()
        (storage.folder / BASE).write_bytes(base)
        log.write_bytes(whole[:end])
        opened, bridge = Storage(storage.folder), Bridge(profile_of(KIND), stream)
        opened.load(bridge)
        opened.close()
        operations = bridge.flash.operations
        assert operations == whole[:end].count(b"\n")
        seen = max(seen, operations)
        bridge.power_on(0)  # and it boots
    assert seen >= len(moments) - 1


def test_what_was_not_kept_did_not_happen(storage: Storage) -> None:
    bridge, moments = live(storage)
    bridge.event(Joined(address=0x2000), 10 * SECOND)
    assert bridge.flash.content() != moments[-1]
    storage.close()
    assert kept(storage.folder).flash.content() == moments[-1]


def test_a_long_log_becomes_a_base(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LONGEST_LOG", 0)
    _, moments = live(storage)
    (log,) = storage.folder.glob("flash-*.log")
    assert log.read_bytes() == b""
    storage.close()
    assert kept(storage.folder).flash.content() == moments[-1]


def test_only_one_program_has_it(storage: Storage) -> None:
    with pytest.raises(LinkError, match="found a bridge that runs, wanted nobody there"):
        Storage(storage.folder)
    storage.close()
    Storage(storage.folder).close()


def test_each_life_has_its_own_chance(storage: Storage) -> None:
    live(storage)
    storage.close()
    first, second = kept(storage.folder), kept(storage.folder)
    assert first.chance_state() != second.chance_state()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"schema": 2}, "schema: found 2, wanted 1"),
        ({"seed": "1"}, "seed: found '1', wanted int"),
        ({"pages": None}, "pages: found None, wanted dict"),
        ({"pages": {"0": ["!!", "1"]}}, "pages: "),
        ({"pages": {"9999": ["", "1"]}}, "pages: "),
        ({"pages": {"0": ["AAAA", "1"]}}, "pages: a page of 3 octets, wanted 4096"),
        ({"identity": {"eui64": "1"}}, "identity: found .*, wanted eui64, hardware_version, "),
        ({"identity": {}}, "identity: "),
        ({"identity": {**WHO, "eui64": "x"}}, "identity: "),
        ({"identity": {**WHO, "image_type": "1"}}, "identity: "),
        ({"flash": {}}, "flash: found the flash map of B1, wanted that of B1"),
    ],
)
def test_a_damaged_base_is_refused(storage: Storage, change: dict[str, Any], why: str) -> None:
    live(storage)
    storage.close()
    file = storage.folder / BASE
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(StateError, match=why):
        kept(storage.folder)


@pytest.mark.parametrize("text", ["", "[]", "nothing", "[" * 100_000])
def test_what_is_no_base_is_refused(storage: Storage, text: str) -> None:
    live(storage)
    storage.close()
    (storage.folder / BASE).write_text(text)
    with pytest.raises(StateError, match=r"bridge.json: "):
        kept(storage.folder)


@pytest.mark.parametrize(
    "line", ['[1,"program",0,"00"]', "nonsense", '[0,"program",0,"zz"]', "[0]", '[0,"erase",1,2]']
)
def test_a_damaged_log_is_refused(storage: Storage, line: str) -> None:
    live(storage)
    storage.close()
    (log,) = storage.folder.glob("flash-*.log")
    log.write_text(line + "\n")
    with pytest.raises(StateError, match=r"flash-0.log: line 1: "):
        kept(storage.folder)


def test_a_log_of_another_base_is_refused(storage: Storage) -> None:
    live(storage)
    storage.close()
    (log,) = storage.folder.glob("flash-*.log")
    flash = profile_of(KIND).flash
    erase = [5, "erase", flash.slot_b[0], flash.erase_size_octets]
    log.write_text(json.dumps(erase) + "\n")
    with pytest.raises(StateError, match=r"line 1: found operation 5, wanted 0"):
        kept(storage.folder)


def test_another_kind_of_bridge_is_refused(storage: Storage) -> None:
    live(storage)
    storage.close()
    with pytest.raises(StateError, match="found the flash map of B1, wanted that of B3"):
        kept(storage.folder, "B3")


def test_a_revived_bridge_runs_what_it_ran(storage: Storage) -> None:
    live(storage)
    storage.close()
    bridge = kept(storage.folder)
    booted, join, *_ = bridge.power_on(0)
    assert dict(booted.details)["version"] == FIRST_VERSION  # type: ignore[union-attr]
    assert join.rejoin is True  # type: ignore[union-attr]
    assert bridge.identity == Identity(
        eui64=EUI64,
        manufacturer=bridge.profile.ota.manufacturer_code,
        image_type=bridge.profile.ota.image_type,
        hardware_version=bridge.profile.ota.hardware_version,
    )
    assert image_of(KIND, FIRST_VERSION, 256) == bridge.flash.read(
        bridge.profile.flash.slot_a[0], len(image_of(KIND, FIRST_VERSION, 256))
    )
