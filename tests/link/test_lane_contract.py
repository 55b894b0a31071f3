"""Every lane keeps one contract, and what crosses a line is data: equal traces prove it."""

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator import actions
from emulator.actions import (
    Action,
    Content,
    Echo,
    Event,
    Happening,
    Receive,
    Report,
    Send,
    Stimulus,
    Tunnel,
    Tunnelled,
)
from emulator.contract import Capability, Identity
from emulator.errors import LinkError
from emulator.faults import (
    DelayFrame,
    DropFrame,
    DuplicateFrame,
    FlipBit,
    FrameFault,
    Leg,
    Selector,
    TruncateFrame,
)
from emulator.link.json_form import KINDS, from_json, to_json
from emulator.profiles.load import load, names, overlay
from emulator.units import DAY, HOUR, MINUTE, SECOND
from emulator.wire import ota
from emulator.wire.aps import Datagram
from emulator.wire.manifest import Trait
from emulator.wire.ota import ImageUpgradeStatus, Status
from harness.bench import Bench
from harness.firmware import FIRST_VERSION, NEXT_VERSION
from harness.lanes.schemes import SCHEMES
from tests.link.parties import Air, datagram

LANES = ("direct:", "loopback:")
NEXT, THIRD = NEXT_VERSION, NEXT_VERSION + 1


@pytest.fixture(params=LANES)
def lane(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=names())
def profile(request: pytest.FixtureRequest) -> str:
    return request.param


def test_every_virtual_lane_of_this_process_is_tested() -> None:
    assert {f"{scheme}:" for scheme in SCHEMES} >= set(LANES)


def test_an_unknown_lane_names_the_known_ones() -> None:
    with pytest.raises(LinkError, match=r"unknown scheme, expected one of .*direct:"):
        Bench(load("B1"), link="pigeon:")


def test_a_lane_has_the_capabilities_of_a_virtual_world(lane: str) -> None:
    capabilities = Bench(load("B1"), link=lane).lane.capabilities
    assert capabilities >= {
        Capability.POWER,
        Capability.FRAME_FAULTS,
        Capability.VIRTUAL_TIME,
        Capability.FRAME_COUNTERS,
    }


def test_time_runs_to_the_limit_or_to_the_condition(lane: str, profile: str) -> None:
    bench = Bench(load(profile), link=lane)
    assert not bench.lane.run(lambda: False, 5 * SECOND)
    assert bench.lane.now == 5 * SECOND
    bench.lane.power(True)
    assert bench.lane.run(lambda: bench.count(ota.QueryNextImageRequest) > 0, HOUR)
    assert 5 * SECOND < bench.lane.now < HOUR


def test_the_supply_is_raised_and_cut(lane: str, profile: str) -> None:
    bench = Bench(load(profile), link=lane)
    assert not bench.lane.powered
    bench.lane.run(lambda: False, MINUTE)
    assert bench.hub.heard == []
    bench.start()
    assert bench.lane.powered
    bench.cut_power()
    assert not bench.lane.powered
    heard = len(bench.hub.heard)
    bench.notify()
    bench.wait(HOUR)
    assert len(bench.hub.heard) == heard
    bench.start()
    assert bench.running_version() == FIRST_VERSION
    bench.close()
    bench.close()
    assert not bench.lane.powered


def test_a_strangers_datagram_is_carried_and_harms_no_counter(lane: str) -> None:
    bench = Bench(load("B1"), link=lane)
    bench.start()
    (told,) = bench.hub.tell(ota.ImageNotify(payload_type=ota.NotifyType(0), query_jitter=100), 9)
    stranger = datagram(
        told.datagram.payload,
        source=0x4444,
        destination=bench.address,
        destination_endpoint=bench.profile.ota.endpoint,
        frame_counter=1_000_000,
        key_id=0,
    )
    bench.lane.send(stranger)
    bench.wait(SECOND)
    answers = [
        d for _, who, d in bench.trace.datagrams() if who == "dut" and d.destination == 0x4444
    ]
    assert [answer.payload[3:] for answer in answers] == [bytes((0x00, Status.NOT_AUTHORIZED))]
    assert bench.upgrade_status() is ImageUpgradeStatus.NORMAL  # the hub is heard as before


def whole_life(profile: str, lane: str, seed: int = 1) -> Bench:
    """Live an upgrade, a refusal and a rollback, with faults on the way."""
    bench = Bench(load(profile), link=lane, seed=seed)
    bench.start()
    bench.plan(
        DropFrame(at=Selector(leg=Leg.TO_DEVICE, number=7)),
        DuplicateFrame(at=Selector(leg=Leg.FROM_DEVICE, number=9), after_us=50),
    )
    assert bench.upgrade(bench.image(NEXT, size=700)) == NEXT
    spoilt = bytearray(bench.image(THIRD, size=700))
    spoilt[-40] ^= 1
    assert bench.offer(bytes(spoilt)) is Status.INVALID_IMAGE
    assert bench.offer(bench.image(THIRD, size=700, traits=Trait.MUTE)) is Status.SUCCESS
    bench.settle(4 * HOUR)
    assert bench.running_version() == NEXT
    return bench


def test_a_whole_life_leaves_the_same_octets_on_every_lane(profile: str) -> None:
    direct, loopback = (list(whole_life(profile, lane).trace.lines()) for lane in LANES)
    assert len(direct) > 100
    assert direct == loopback
    reports = {json.loads(line).get("report") for line in direct}
    assert reports >= {
        *(Happening.CONFIRMED, Happening.IMAGE_REFUSED, Happening.ROLLED_BACK),
        Happening.DOWNLOAD_STARTED,
    }


def test_the_same_seed_gives_the_same_octets_and_another_seed_others(lane: str) -> None:
    def life(seed: int) -> list[str]:
        bench = Bench(load("B1"), link=lane, seed=seed)
        bench.start()
        bench.power_cycle()  # the first query of a known server is delayed by chance
        return list(bench.trace.lines())

    assert life(1) == life(1)
    assert life(1) != life(2)


# Faults on the way of a download.

NUMBERS = st.integers(0, 30)
SELECTORS = st.builds(Selector, leg=st.sampled_from(Leg), number=NUMBERS)
#: Octets change in OTA frames only: a hub that hears a wrong Device_annce answers into the void.
OTA_FRAMES = st.builds(
    Selector, leg=st.sampled_from(Leg), number=NUMBERS, cluster=st.just(ota.CLUSTER)
)
PLANS = st.lists(
    st.one_of(
        st.builds(DropFrame, at=SELECTORS, count=st.integers(1, 4)),
        st.builds(DuplicateFrame, at=SELECTORS, after_us=st.integers(0, 30_000)),
        st.builds(DelayFrame, at=SELECTORS, by_us=st.integers(0, 20 * SECOND)),
        st.builds(TruncateFrame, at=OTA_FRAMES, octets=st.integers(0, 60)),
        st.builds(FlipBit, at=OTA_FRAMES, bit=st.integers(0, 60 * 8)),
    ),
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(PLANS)
def test_no_finite_plan_of_frame_faults_spoils_an_image_or_loses_an_update(
    plan: list[FrameFault],
) -> None:
    """What runs in the end is one of the two images, whole; after the plan the update completes."""
    small = overlay(load("B1"), {"ota.query_period_s": 7200, "ota.discovery_retry_s": 600})
    bench = Bench(small)
    bench.start()
    bench.plan(*plan)
    bench.offer(bench.image(NEXT, size=300))
    bench.settle(HOUR)
    bench.plan()  # from here on nothing spoils what is read
    assert bench.running_version() in (FIRST_VERSION, NEXT)
    bench.run(lambda: Happening.CONFIRMED in reports(bench), 15 * DAY)  # a countdown too
    assert bench.running_version() == NEXT
    assert reports(bench).count(Happening.CONFIRMED) == 1
    assert Happening.ROLLED_BACK not in reports(bench)


def reports(bench: Bench) -> list[Happening]:
    return [row[3].what for row in bench.trace.rows if isinstance(row[3], Report)]


# Everything that crosses a line is data.

#: A value for each type of field; the kinds come from the unions, so that a new one is missed.
SAMPLES: dict[str, Any] = {
    "datagram": datagram(b"\x00\xff", key_id=3, frame_counter=9),
    "what": Happening.CONFIRMED,
    "details": (("version", 7), ("why", "none")),
    "payload": b"\x01\x02",
    "network_key": bytes(range(16)),
    "link_key": b"",
    "rejoin": True,
    "sleepy": False,
    "success": True,
    "content": Echo(number=7, answer=True),
    "answer": True,
}


def crossing() -> Iterator[type[Any]]:
    """Yield every kind of value that a machine takes or gives."""
    for union in (Action, Event, Stimulus, Content):
        for kind in get_args(union):
            yield from get_args(kind) or (kind,)
    yield from (Datagram, Identity)


def sample(kind: type[Any], number: int) -> Any:  # noqa: ANN401 - any kind
    made = {}
    for one in fields(kind):
        hint = get_type_hints(kind)[one.name]
        plain = int in (hint, *get_args(hint))
        made[one.name] = SAMPLES.get(one.name, number if plain else None)
        if one.name == "eui64" and number:
            made[one.name] = (1 << 64) - number
        assert made[one.name] is not None, f"no sample for {kind.__name__}.{one.name}: {hint}"
    return kind(**made)


@pytest.mark.parametrize("kind", sorted(set(crossing()), key=lambda kind: kind.__name__))
def test_every_kind_passes_through_json_unchanged(kind: type[Any]) -> None:
    for number in (0, 1, 100):  # a percentage is the least of all
        value = sample(kind, number)
        text = json.dumps(to_json(value))
        assert from_json(json.loads(text)) == value
        assert type(from_json(json.loads(text))) is kind


@pytest.mark.parametrize("kind", get_args(Content), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("carrier", [Tunnel, Tunnelled])
def test_whatever_goes_through_a_link_passes_through_json(
    carrier: type[Tunnel | Tunnelled], kind: type[Any]
) -> None:
    value = carrier(eui64=1 << 63, protocol=1, content=sample(kind, 1))
    back = from_json(json.loads(json.dumps(to_json(value))))
    assert back == value
    assert type(back.content) is kind


def test_every_kind_that_may_cross_is_tested() -> None:
    declared = {
        one for one in vars(actions).values() if isinstance(one, type) and is_dataclass(one)
    }
    assert declared | {Datagram, Identity} == set(crossing()) == set(KINDS.values())


def test_absent_fields_and_enum_values_come_back() -> None:
    bare = datagram(b"")
    for value in (Send(datagram=bare), Receive(datagram=bare), Report(what=Happening.DEAD)):
        back = from_json(json.loads(json.dumps(to_json(value))))
        assert back == value
    assert back.what is Happening.DEAD


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"kind": "Nonsense"}, "kind 'Nonsense': expected one of"),
        ({}, "kind None"),
        ({"kind": "Reboot", "before_us": 1}, "Reboot: .*before_us"),
        ({"kind": "Join", "eui64": "00" * 8}, "Join: rejoin: found nothing"),
        (
            {"kind": "Join", "eui64": 1, "rejoin": True},
            "Join: eui64: found 1, wanted 16 hex digits",
        ),
        ({"kind": "Join", "eui64": "0x1", "rejoin": True}, "Join: eui64: found '0x1'"),
        ({"kind": "Report", "what": "no such"}, "Report: what: found 'no such', wanted one of"),
        ({"kind": "Battery", "percent": 101}, "Battery: percent: found 101, wanted 0 to 100"),
        ({"kind": "Battery", "percent": True}, "Battery: percent: found True, wanted a number"),
        ({"kind": "Reboot", "after_us": 1 << 53}, "Reboot: after_us: found 9007199254740992"),
        ([], r"found \[\], wanted an object"),
        ({"kind": "Report", "what": "dead", "details": [[1, 2, 3]]}, "Report: "),
        ({"kind": "Send", "datagram": {"kind": "Datagram", "payload": "xy"}}, "Datagram: "),
        ({"kind": "Send", "datagram": 5}, "Send: datagram"),
        (
            {"kind": "Tunnel", "eui64": "00" * 8, "protocol": 256, "content": {"kind": "Renew"}},
            "Tunnel: protocol: found 256, wanted 0 to 255",
        ),
        (
            {"kind": "Tunnel", "eui64": "00" * 8, "protocol": 1, "content": {"kind": "Poll"}},
            "Tunnel: content: found {'kind': 'Poll'}, wanted Choice or Datagram or Echo or",
        ),
        ({"kind": "Joined", "address": "6657"}, "Joined: address"),
        ({"kind": "Joined", "address": 1, "network_key": "00"}, "Joined: network_key: found 1 oct"),
        ({"kind": "Joined", "address": 1, "link_key": "xy"}, "Joined: "),
        ({"kind": "Joined", "address": 1, "link_key": None}, "Joined: "),
        ({"kind": "Reboot", "after_us": None}, "Reboot: after_us"),
    ],
    ids=repr,
)
def test_what_is_no_value_is_the_links_error(value: Any, complaint: str) -> None:  # noqa: ANN401
    with pytest.raises(LinkError, match=complaint):
        from_json(value)


def test_a_world_without_a_lane_is_an_air() -> None:
    """The parties of these tests are what a lane is made of."""
    air = Air()
    air.medium.carry("hub", datagram())
    air.run()
    assert len(air.heard("dut")) == 1
