"""A bridge on battery, on the air: it defers below its reserve and says why (GB-073, T9)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.actions import Battery, Happening, Report
from emulator.units import HOUR, MINUTE, SECOND
from emulator.wire import ota, zcl, zdo
from emulator.wire.aps import Datagram
from emulator.wire.manifest import Trait
from emulator.wire.ota import ImageUpgradeStatus, Status
from emulator.wire.power import CLUSTER, Attribute
from harness.bench import Bench
from harness.firmware import FIRST_VERSION, NEXT_VERSION
from tests.device.benches import bench, bridge_of

#: B4 keeps 10 % in reserve.
LOW, ENOUGH = 9, 10
SIZE = 900
DAY = 24 * HOUR


def charge(made: Bench, percent: int) -> None:
    made.lane.event(Battery(percent=percent))


def reports(made: Bench, what: Happening) -> list[dict[str, int | str]]:
    """Return the details of each report of a kind, in order."""
    rows = [row[3] for row in made.trace.rows]
    return [dict(one.details) for one in rows if isinstance(one, Report) and one.what is what]


def sent(made: Bench, payload: bytes, cluster: int = CLUSTER, **fields: int) -> list[Datagram]:
    """Send octets to the Power Configuration cluster; return what comes within 20 seconds."""
    mark = sum(1 for _ in made.trace.datagrams())
    asked = {
        "source": 0,
        "destination": made.address,
        "source_endpoint": 1,
        "destination_endpoint": made.profile.ota.endpoint,
        "profile": made.profile.ota.zigbee_profile,
        "cluster": cluster,
        **fields,
    }
    made.lane.send(Datagram(payload=payload, **asked))
    made.wait(20 * SECOND)
    return [one for _, who, one in list(made.trace.datagrams())[mark:] if who == "dut"]


def remaining(made: Bench) -> int | bytes | None:
    """Read attribute 0x0021 as a hub does."""
    body = zcl.ReadAttributes(attributes=(Attribute.BATTERY_PERCENTAGE_REMAINING,)).encode()
    (answer,) = sent(made, zcl.pack_header(0x00, 9, 0x00) + body)
    response, _ = zcl.ReadAttributesResponse.decode(answer.payload[3:])
    (record,) = response.records
    assert (record.type, record.value is None) == (zcl.DataType.UINT8, False)
    return zcl.unpack_value(record.type, record.value or b"")


# What it says.


def test_the_charge_can_be_read_in_steps_of_half_a_percent() -> None:
    made = bench("B4")
    assert remaining(made) == 0xFF  # nobody told
    for percent in (100, 37, 1, 0):
        charge(made, percent)
        assert remaining(made) == 2 * percent


def test_a_bench_reads_it_as_a_client_reads_a_server() -> None:
    made = bench("B4")
    charge(made, 55)
    asked = made.value(Attribute.BATTERY_PERCENTAGE_REMAINING, cluster=CLUSTER)
    said = [one for _, _, one in made.trace.datagrams() if one.cluster == CLUSTER and one.profile]
    request, answer = said  # ZDO has another cluster of this number
    assert (asked, request.payload[0], answer.payload[0]) == (110, 0x10, 0x18)
    assert made.value(Attribute.BATTERY_PERCENTAGE_REMAINING) != 110  # OTA has another 0x0021


def test_the_charge_is_measured_so_a_restart_forgets_nothing() -> None:
    made = bench("B4")
    charge(made, 42)
    made.power_cycle()
    made.wait(MINUTE)
    assert remaining(made) == 84
    made.lane.power(False)
    assert bridge_of(made).event(Battery(percent=7), made.now) == ()
    made.lane.power(True)
    made.wait(MINUTE)
    assert remaining(made) == 14


def test_a_bridge_without_battery_has_no_such_cluster() -> None:
    for made in (bench("B1"), bench("B4", battery=None)):
        charge(made, 5)
        (answer,) = sent(made, bytes.fromhex("007700 2100"))
        assert answer.payload == bytes((0x18, 0x77, 0x0B, 0x00, Status.UNSUPPORTED_CLUSTER))
        assert made.offer(made.image(size=SIZE)) is Status.SUCCESS  # and it waits for no charge


def test_the_cluster_is_found_where_there_is_a_battery() -> None:
    for made, there in ((bench("B4"), True), (bench("B2"), False)):
        request = zdo.MatchDescriptorRequest(
            sequence=1,
            address=made.address,
            profile=made.profile.ota.zigbee_profile,
            input_clusters=(CLUSTER,),
            output_clusters=(),
        )
        assert (made.ask(request, zdo.MatchDescriptorResponse) is not None) is there
        simple = zdo.SimpleDescriptorRequest(
            sequence=2, address=made.address, endpoint=made.profile.ota.endpoint
        )
        answer = made.ask(simple, zdo.SimpleDescriptorResponse)
        assert answer is not None
        descriptor, _ = zdo.SimpleDescriptor.decode(answer.descriptor or b"")
        assert (CLUSTER in descriptor.input_clusters) is there


def test_another_endpoint_is_not_answered_and_nothing_can_be_written() -> None:
    made = bench("B4")
    assert sent(made, bytes.fromhex("007700 2100"), destination_endpoint=99) == []
    (answer,) = sent(made, bytes.fromhex("007702 2100 20 64"))
    assert answer.payload[3:] == bytes((Status.READ_ONLY, 0x21, 0x00))


@pytest.mark.parametrize(
    ("percent", "level"), [(100, 12), (84, 12), (83, 8), (50, 8), (49, 4), (10, 4), (9, 0), (0, 0)]
)
def test_the_power_descriptor_shows_the_charge_in_thirds(percent: int, level: int) -> None:
    made = bench("B4")
    charge(made, percent)
    request = zdo.PowerDescriptorRequest(sequence=5, address=made.address)
    answer = made.ask(request, zdo.PowerDescriptorResponse)
    assert answer is not None
    assert answer.current == level << 4 | zdo.PowerSource.DISPOSABLE_BATTERY


def test_an_empty_battery_is_critical_where_no_reserve_is_kept() -> None:
    made = bench("B4", battery__reserve_percent=0)
    request = zdo.PowerDescriptorRequest(sequence=5, address=made.address)
    for percent, level in ((1, 4), (0, 0)):
        charge(made, percent)
        answer = made.ask(request, zdo.PowerDescriptorResponse)
        assert answer is not None
        assert answer.current >> 4 == level
    assert made.offer(made.image(size=SIZE)) is Status.SUCCESS


def test_a_new_bridge_has_a_new_battery() -> None:
    made = bench("B4")
    charge(made, 5)
    bridge, first = bridge_of(made), made.image(version=FIRST_VERSION)
    made.lane.power(False)
    bridge.factory(made.identity, first, FIRST_VERSION, 1)
    made.lane.power(True)
    made.wait(MINUTE)
    assert remaining(made) == 0xFF


@pytest.mark.parametrize("percent", [-1, 101])
def test_a_charge_that_cannot_be_is_a_mistake(percent: int) -> None:
    with pytest.raises(ValueError, match=f"percent: found {percent}, wanted 0..100"):
        bridge_of(bench("B4")).event(Battery(percent=percent), 0)


# What it puts off.


def test_below_the_reserve_no_block_is_asked_for_until_the_charge_is_back() -> None:
    made = bench("B4")
    charge(made, LOW)
    assert made.offer(made.image(size=SIZE)) is None
    assert made.count(ota.ImageBlockRequest) == 0
    assert reports(made, Happening.DEFERRED) == [{"what": "offer", "percent": 9, "reserve": 10}]
    assert remaining(made) == 18  # why: the hub can read it
    asked = made.count(ota.QueryNextImageRequest)
    made.wait(2 * DAY)
    assert made.count(ota.QueryNextImageRequest) > asked  # it goes on to ask now and then
    assert made.count(ota.ImageBlockRequest) == 0
    charge(made, ENOUGH)
    assert made.verdict() is Status.SUCCESS
    made.settle()
    assert made.running_version() == NEXT_VERSION


def test_a_charge_that_falls_pauses_a_download_at_its_offset() -> None:
    made = bench("B4")
    image = made.image(size=SIZE)
    made.start_download(image, blocks=5)
    offset = made.last(ota.ImageBlockRequest).file_offset
    charge(made, LOW)
    made.wait(DAY)
    assert made.last(ota.ImageBlockRequest).file_offset == offset
    assert made.upgrade_status() is ImageUpgradeStatus.DOWNLOAD_IN_PROGRESS
    asked = made.count(ota.ImageBlockRequest)
    charge(made, 100)
    assert made.verdict() is Status.SUCCESS
    later = made.heard(ota.ImageBlockRequest)[asked:]
    assert later[0].file_offset == offset + made.profile.ota.block_size_octets
    assert len(made.heard(ota.ImageBlockRequest)) == -(-len(image) // 32)  # none was lost


def test_a_paused_download_outlives_a_restart() -> None:
    made = bench("B4")
    made.start_download(made.image(size=SIZE), blocks=20)
    charge(made, LOW)
    made.wait(MINUTE)
    made.power_cycle()
    asked = made.count(ota.ImageBlockRequest)
    made.wait(DAY)
    assert made.count(ota.ImageBlockRequest) == asked
    charge(made, ENOUGH)
    assert made.verdict() is Status.SUCCESS
    assert made.heard(ota.ImageBlockRequest)[asked].file_offset > 0


def waiting_for_charge() -> Bench:
    """Return a bench whose bridge holds a verified image, has leave, and is low."""
    made = bench("B4")
    made.start_download(made.image(size=SIZE), blocks=3)
    made.run(lambda: made.count(ota.UpgradeEndRequest) > 0, HOUR)
    charge(made, LOW)
    made.wait(5 * MINUTE)
    return made


def test_a_verified_image_is_not_tried_below_the_reserve() -> None:
    made = waiting_for_charge()
    assert len(reports(made, Happening.BOOTED)) == 1
    assert made.upgrade_status() is ImageUpgradeStatus.WAITING_TO_UPGRADE
    assert made.running_version() == FIRST_VERSION
    assert reports(made, Happening.DEFERRED)[-1]["what"] == "trial"
    charge(made, ENOUGH)
    made.settle()
    assert made.running_version() == NEXT_VERSION
    assert reports(made, Happening.CONFIRMED) == [{}]


def test_a_verified_image_waits_over_a_restart_too() -> None:
    made = waiting_for_charge()
    made.power_cycle()
    made.wait(2 * HOUR)
    assert made.running_version() == FIRST_VERSION
    charge(made, ENOUGH)
    made.settle()
    assert made.running_version() == NEXT_VERSION


@pytest.mark.parametrize(
    ("traits", "version"), [(Trait(0), NEXT_VERSION), (Trait.MUTE, FIRST_VERSION)]
)
def test_a_trial_that_runs_ends_whatever_the_charge(traits: Trait, version: int) -> None:
    made = bench("B4")
    assert made.offer(made.image(size=SIZE, traits=traits)) is Status.SUCCESS
    made.run(lambda: len(reports(made, Happening.BOOTED)) == 2, HOUR)
    charge(made, 0)
    made.wait(3 * HOUR)
    assert made.running_version() == version


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["notify", "power", "nothing"]),
            st.sampled_from([0, LOW, ENOUGH, 100]),
            st.integers(0, 40),
        ),
        max_size=8,
    )
)
def test_in_any_order_nothing_is_asked_for_while_low_and_all_is_done_in_the_end(
    events: list[tuple[str, int, int]],
) -> None:
    made = bench("B4")
    made.serve(made.image(size=SIZE))
    for what, percent, seconds in events:
        charge(made, percent)
        if what == "notify":
            made.notify()
        if what == "power":
            made.power_cycle()
        if percent < ENOUGH:
            made.wait(10 * SECOND)  # a request that was on its way
        asked, boots = made.count(ota.ImageBlockRequest), len(reports(made, Happening.BOOTED))
        made.wait(seconds * SECOND)
        if percent < ENOUGH:
            assert made.count(ota.ImageBlockRequest) == asked
            assert len(reports(made, Happening.BOOTED)) == boots
    charge(made, 100)
    made.wait(3 * DAY)
    assert made.running_version() == NEXT_VERSION
    assert not reports(made, Happening.ROLLED_BACK)
