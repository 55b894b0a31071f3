"""What a bridge keeps of its network: keys, counters, and schemas that other images read (T13)."""

from dataclasses import replace
from typing import Annotated

import pytest

from emulator.actions import Happening, Join, Joined, Left, Report
from emulator.boot.record import RecordLog
from emulator.device.nonvolatile import (
    FRESH,
    NO_KEY,
    SCHEMA,
    Download,
    Memory,
    NonVolatile,
)
from emulator.errors import PowerLost, WornError
from emulator.faults import CutKind, CutPower, WornSector
from emulator.flash.area import Area
from emulator.flash.nor import Geometry, Nor
from emulator.profiles.load import names
from emulator.wire.codec import EUI64, U8, U16, U32, Fixed, Frame, UInt, frame
from harness.firmware import NEXT_VERSION
from harness.hub.keys import link_key, network_key
from tests.device.benches import bench, bridge_of

KEY, LINK, OTHER = (bytes(range(at, at + 16)) for at in (0x10, 0x40, 0x70))


def area() -> Area:
    nor = Nor(
        Geometry(size_octets=4096, erase_size_octets=512, program_size_octets=16, erased_value=0xFF)
    )
    return Area(nor, 0, 4096)


def memory(where: Area) -> Memory:
    """Return what a power on makes of the area."""
    return Memory(RecordLog(where, NonVolatile))


def holds(where: Area, key: bytes) -> bool:
    """Tell whether the octets of a key stand anywhere."""
    return key in where.read(0, where.size)


# Schemas.


@frame
class SchemaTwo(Frame):
    """Be the record as firmware of the second schema had it."""

    schema: U8
    joined: U8
    address: U16
    key_id: U8
    counter_limit: U32
    server_eui64: EUI64
    server_address: U16
    server_endpoint: U8
    download: Annotated[Download, UInt(1)]
    manufacturer: U16
    image_type: U16
    file_version: U32
    image_size: U32
    redoing: U32


def test_an_image_of_the_second_schema_reads_the_third_and_goes_on_writing() -> None:
    """T13: after a rollback the old image finds network, counter and progress; no key is lost."""
    where = area()
    new = memory(where)
    new.join(Joined(address=0x1234, key_id=3, network_key=KEY, link_key=LINK))
    new.change(counter_limit=2048, server_eui64=7, server_endpoint=1)

    log = RecordLog(where, SchemaTwo)
    old = log.read()
    assert old is not None
    assert (old.joined, old.address, old.key_id, old.counter_limit) == (1, 0x1234, 3, 2048)
    assert (old.server_eui64, old.server_endpoint, old.redoing) == (7, 1, 0)
    for limit in range(3072, 40 * 1024, 1024):  # through every sector
        log.write(replace(old, counter_limit=limit, redoing=512))
    assert RecordLog(where, SchemaTwo).read() == replace(old, counter_limit=limit, redoing=512)

    again = memory(where)
    assert again.now == replace(new.now, counter_limit=limit, redoing=512)
    assert (again.now.network_key, again.now.link_key) == (KEY, LINK)


def test_an_image_of_the_third_schema_reads_the_second_and_has_no_keys_until_told() -> None:
    where = area()
    known = {name: getattr(FRESH, name) for name in SchemaTwo.__annotations__}
    old = SchemaTwo(**{**known, "schema": 2, "joined": 1, "key_id": 3, "counter_limit": 2048})
    RecordLog(where, SchemaTwo).write(old)
    new = memory(where)
    assert (new.now.joined, new.now.counter_limit) == (1, 2048)
    assert (new.now.network_key, new.now.link_key, new.now.schema) == (NO_KEY, NO_KEY, 2)
    new.join(Joined(address=5, key_id=3, network_key=KEY))
    assert (memory(where).now.network_key, memory(where).now.schema) == (KEY, SCHEMA)


@frame
class SchemaOne(Frame):
    """Be the fields that the first schema had, in place of those in the middle their octets."""

    schema: U8
    joined: U8
    address: U16
    key_id: U8
    counter_limit: U32
    server_low: U32
    server_high: U32
    server_address: U16
    server_endpoint: U8
    download: U8
    manufacturer: U16
    image_type: U16
    file_version: U32
    image_size: U32


ONE = SchemaOne(
    schema=1,
    joined=1,
    address=0x1234,
    key_id=3,
    counter_limit=2048,
    server_low=5,
    server_high=6,
    server_address=0,
    server_endpoint=7,
    download=0,
    manufacturer=8,
    image_type=9,
    file_version=10,
    image_size=11,
)


#: Octets of what a firmware to come may write: what is known, and one field more.
LATER = len(FRESH.encode()) + 4
#: Parent, both children, who was served.
HOME = bytes(range(1, 25)) + b"\x03"


@frame
class Later(Frame):
    """Be such a record, as octets."""

    octets: Annotated[bytes, Fixed(LATER)]


def test_the_new_image_reads_what_an_older_one_wrote() -> None:
    where = area()
    RecordLog(where, SchemaOne).write(ONE)
    now = memory(where)
    assert (now.now.joined, now.now.counter_limit, now.now.image_size) == (1, 2048, 11)
    assert now.redoing is None
    assert (now.parent, now.children, now.served) == (None, (), ())
    now.change(counter_limit=4096)
    now.note(512)
    assert memory(where).redoing == 512


def test_the_old_image_reads_what_the_new_one_wrote_and_keeps_what_it_does_not_know() -> None:
    where = area()
    RecordLog(where, Later).write(
        Later(octets=ONE.encode() + bytes((1, 2, 0, 0)) + 2 * KEY + HOME + b"more")
    )
    now = memory(where)
    assert (now.now.address, now.now.key_id, now.redoing) == (0x1234, 3, 512)
    now.change(counter_limit=9000)
    now.change(joined=0)
    after = RecordLog(where, Later).read()
    assert after is not None
    assert after.octets[-4:] == b"more"
    assert memory(where).now == now.now
    known = SchemaOne.decode(after.octets)[0]
    assert known == replace(ONE, schema=SCHEMA, joined=0, counter_limit=9000)


def test_a_new_bridge_writes_the_newest_schema() -> None:
    where = area()
    now = memory(where)
    assert now.now == FRESH
    assert FRESH.schema == SCHEMA == 4


# Keys.


def test_keys_are_kept_until_others_are_told() -> None:
    where = area()
    memory(where).join(Joined(address=1, key_id=0, network_key=KEY, link_key=LINK))
    memory(where).join(Joined(address=2, key_id=0))  # a rejoin: it holds them
    assert (memory(where).now.address, memory(where).now.network_key) == (2, KEY)
    memory(where).join(Joined(address=2, key_id=1))  # another key, which a radio keeps to itself
    assert (memory(where).now.network_key, memory(where).now.link_key) == (NO_KEY, LINK)
    memory(where).join(Joined(address=2, key_id=1, network_key=OTHER))
    assert (memory(where).now.network_key, memory(where).now.link_key) == (OTHER, LINK)


@pytest.mark.parametrize("name", ["network_key", "link_key"])
def test_a_key_has_its_length(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: found 15 octets, wanted 16 or none"):
        Joined(address=1, **{name: bytes(15)})  # type: ignore[arg-type]


def test_a_bridge_that_leaves_holds_no_octet_of_a_key_and_keeps_its_counter() -> None:
    where = area()
    made = memory(where)
    made.join(Joined(address=1, network_key=KEY, link_key=LINK))
    for limit in range(1024, 40 * 1024, 1024):
        made.change(counter_limit=limit)
    assert holds(where, KEY)
    made.leave()
    assert not holds(where, KEY)
    assert not holds(where, LINK)
    operations = where.nor.operations
    after = memory(where)
    assert where.nor.operations == operations
    assert (after.now.joined, after.now.counter_limit) == (0, limit)


def story(made: Memory) -> list[tuple[bytes, bytes]]:
    """Join, work, change keys, leave, join: return network and link key after each step."""
    held = []
    for step in (
        Joined(address=1, key_id=0, network_key=KEY, link_key=LINK),
        512,
        Joined(address=1, key_id=1, network_key=OTHER),
        1024,
        None,
        Joined(address=2, key_id=2, network_key=KEY, link_key=OTHER),
    ):
        if isinstance(step, Joined):
            made.join(step)
        elif step is None:
            made.leave()
        else:
            made.change(counter_limit=step)
        held.append((made.now.network_key, made.now.link_key))
    return held


@pytest.mark.parametrize("kind", CutKind)
def test_after_any_cut_the_keys_are_some_that_were_given(kind: CutKind) -> None:
    whole = area()
    given = [(NO_KEY, NO_KEY), *story(memory(whole))]
    assert len(set(given)) == 4
    left = 0
    for number in range(whole.nor.operations):
        where = area()
        made = memory(where)
        where.nor.arm(CutPower(operation=number, kind=kind, octets=40, seed=number))
        with pytest.raises(PowerLost):
            story(made)
        after = memory(where)  # what a power on makes of it
        assert (after.now.network_key, after.now.link_key) in given
        if not after.now.joined and after.now.counter_limit:
            left += 1
            assert not holds(where, KEY)
            assert not holds(where, OTHER)
        assert story(after) == given[1:]
    assert left > 1


def test_a_worn_sector_is_said_and_the_others_are_purged() -> None:
    where = area()
    made = memory(where)
    for _ in range(4):
        made.join(Joined(address=1, network_key=KEY))
        made.change(counter_limit=made.now.counter_limit + 1)
        made = memory(where)
    where.nor.wear(WornSector(address=0))
    with pytest.raises(WornError):
        made.leave()
    assert where.read(0, 512).count(KEY) == where.read(0, where.size).count(KEY) > 0
    assert memory(where).now.joined == 0


@pytest.mark.parametrize("name", names())
def test_a_bridge_keeps_what_the_hub_gave_it_and_forgets_it_as_it_leaves(name: str) -> None:
    made = bench(name)
    bridge = bridge_of(made)
    flash, eui64 = bridge.flash, made.identity.eui64
    keys = (network_key(made.seed), link_key(made.seed, eui64))
    assert len(set(keys)) == 2

    def held() -> list[bool]:
        octets = flash.read(0, flash.geometry.size_octets)
        return [key in octets for key in keys]

    assert held() == [True, True]
    assert made.upgrade(made.image()) == NEXT_VERSION
    assert held() == [True, True]
    actions = bridge.event(Left(), made.now)
    assert [one.rejoin for one in actions if isinstance(one, Join)] == [False]
    assert held() == [False, False]


def test_a_bridge_that_cannot_forget_says_so_and_seeks_a_network() -> None:
    made = bench()
    bridge = bridge_of(made)
    start, end = bridge.profile.flash.data
    sector = bridge.flash.geometry.erase_size_octets
    bridge.flash.wear(*(WornSector(address=at) for at in range(start, end, sector)))
    report, join = bridge.event(Left(), made.now)
    assert isinstance(report, Report)
    assert report.what is Happening.FLASH_WORN
    assert join == Join(eui64=made.identity.eui64, rejoin=False)
