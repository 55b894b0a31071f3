"""The hub of a home: it answers members, keeps messages for who sleeps, and knows who is silent."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.actions import Announced, Send
from emulator.image.build import build
from emulator.units import DAY, HOUR, MINUTE, SECOND, Us
from emulator.wire import metering, ota, tunnelling, zcl
from emulator.wire.aps import Datagram
from emulator.wire.codec import KEYS, Frame
from emulator.wire.zcl import DataType, Status
from harness.hub.images import served
from harness.premises.hub import OUTAGE_US, AlertKind, PremisesHub, Silence
from harness.premises.residents import Display, Firmware, GasMeter
from harness.trace import dissect
from tests.premises.carrier import DISPLAY_HABITS, LATENCY_US, METER_HABITS, Carrier

DISPLAY, METER, STRANGER = 0x2B01, 0x2B02, 0x3C03
EUI64S = {DISPLAY: 0x00124B00_0000D15B, METER: 0x00124B00_00006A5E}


def made(**more: object) -> PremisesHub:
    hub = PremisesHub(**more)
    hub.register(EUI64S[DISPLAY], DISPLAY, period_us=10 * SECOND)
    hub.register(EUI64S[METER], METER, period_us=30 * MINUTE)
    hub.power_on(0)
    return hub


def asking(payload: bytes, *, source: int = DISPLAY, cluster: int = metering.CLUSTER) -> Datagram:
    return Datagram(
        source=source,
        destination=0,
        source_endpoint=7,
        destination_endpoint=1,
        profile=0x0109,
        cluster=cluster,
        payload=payload,
    )


def reading(*attributes: int, **more: int) -> Datagram:
    frame = zcl.ReadAttributes(attributes=attributes)
    return asking(zcl.pack_header(0x00, 0x42, 0x00) + frame.encode(), **more)


def report(**more: int) -> Datagram:
    record = zcl.WriteAttributeRecord(attribute=0, type=DataType.UINT48, value=b"\x07" + bytes(5))
    body = metering.ReportAttributes(records=(record,)).encode()
    return asking(zcl.pack_header(0x08, 0x43, 0x0A) + body, **{"source": METER, **more})


def get() -> Datagram:
    frame = tunnelling.TransferDataToServer(tunnel=0, data=b"\x01")
    return asking(
        zcl.pack_header(0x01, 0x44, 0x02) + frame.encode(), source=METER, cluster=tunnelling.CLUSTER
    )


def thanks(sequence: int, command: int = 0x01) -> Datagram:
    body = zcl.DefaultResponse(command=command, status=Status.SUCCESS).encode()
    return asking(
        zcl.pack_header(0x10, sequence, 0x0B) + body, source=METER, cluster=tunnelling.CLUSTER
    )


def answer(hub: PremisesHub, request: Datagram, now: Us = 0) -> Datagram:
    (action,) = hub.receive(request, now)
    assert isinstance(action, Send)
    return action.datagram


def frame_of(datagram: Datagram) -> Frame:
    frame = dissect(datagram)
    assert frame is not None
    return frame


def flags(hub: PremisesHub, now: Us = 0) -> int:
    frame = frame_of(answer(hub, report(), now))
    assert isinstance(frame, metering.MirrorReportAttributeResponse)
    assert frame.scheme == metering.SCHEME_A
    return frame.flags[0]


# Readings and reports.


@pytest.mark.parametrize(("now", "watt_hours"), [(0, 0), (10 * SECOND, 1), (HOUR - 1, 359)])
def test_a_reading_is_answered_with_the_consumption_so_far(now: Us, watt_hours: int) -> None:
    datagram = answer(made(), reading(0x0000), now)

    assert (datagram.destination, datagram.destination_endpoint) == (DISPLAY, 7)
    assert (datagram.cluster, datagram.payload[:3]) == (0x0702, b"\x18\x42\x01")
    assert frame_of(datagram) == zcl.ReadAttributesResponse(
        records=(
            zcl.ReadAttributeRecord(
                attribute=0,
                status=Status.SUCCESS,
                type=DataType.UINT48,
                value=watt_hours.to_bytes(6, "little"),
            ),
        )
    )


def test_other_attributes_are_not_supported_and_each_has_its_record() -> None:
    frame = frame_of(answer(made(), reading(0x0400, 0x0000, 0x0001)))

    assert isinstance(frame, zcl.ReadAttributesResponse)
    missing = Status.UNSUPPORTED_ATTRIBUTE
    assert [(one.attribute, one.status) for one in frame.records] == [
        (0x0400, missing),
        (0x0000, Status.SUCCESS),
        (0x0001, missing),
    ]


def test_a_report_is_answered_on_the_cluster() -> None:
    datagram = answer(made(), report())

    assert datagram.payload == bytes.fromhex("11430901 00000000")
    assert datagram.destination == METER


@pytest.mark.parametrize(
    ("request_", "control", "command", "status"),
    [
        (reading(0, source=STRANGER), 0x18, 0x00, Status.NOT_AUTHORIZED),
        (report(source=STRANGER), 0x10, 0x0A, Status.NOT_AUTHORIZED),
        (replace(get(), source=STRANGER), 0x18, 0x02, Status.NOT_AUTHORIZED),
        (asking(bytes((0, 1, 0, 0))), 0x18, 0x00, Status.MALFORMED_COMMAND),
        (asking(bytes((8, 1, 0x0A, 0))), 0x10, 0x0A, Status.MALFORMED_COMMAND),
        (asking(bytes((0, 1, 0x02, 0))), 0x18, 0x02, Status.UNSUP_GENERAL_COMMAND),
        (asking(bytes((1, 1, 0x00))), 0x18, 0x00, Status.UNSUP_COMMAND),
        (asking(bytes((1, 1, 5)), cluster=0x0704), 0x18, 0x05, Status.UNSUP_COMMAND),
        (asking(bytes((1, 1, 2, 0)), cluster=0x0704), 0x18, 0x02, Status.MALFORMED_COMMAND),
        (asking(bytes((1, 1, 2, 0, 0, 9)), cluster=0x0704), 0x18, 0x02, Status.INVALID_FIELD),
    ],
)
def test_what_cannot_be_answered_is_refused(
    request_: Datagram, control: int, command: int, status: Status
) -> None:
    datagram = answer(made(), request_)

    assert datagram.payload == bytes((control, request_.payload[1], 0x0B, command, status))
    assert (datagram.cluster, datagram.destination) == (request_.cluster, request_.source)


@pytest.mark.parametrize(
    "payload", [b"", b"\x00\x01", bytes((0x10, 1, 0x0B, 0, 0)), bytes((4, 1, 1, 1, 0))]
)
@pytest.mark.parametrize("source", [DISPLAY, METER])
@pytest.mark.parametrize("cluster", [metering.CLUSTER, tunnelling.CLUSTER])
def test_half_headers_thanks_and_makers_commands_are_not_answered(
    payload: bytes, source: int, cluster: int
) -> None:
    hub = made()
    assert hub.receive(asking(payload, source=source, cluster=cluster), 0) == ()
    answer(hub, reading(0))


@settings(max_examples=200)
@given(payload=st.binary(max_size=12), cluster=st.sampled_from([0x0702, 0x0704]))
def test_no_octets_upset_it_and_a_default_response_gets_none(payload: bytes, cluster: int) -> None:
    hub = made()
    for source in (DISPLAY, METER, STRANGER):
        said = hub.receive(asking(payload, source=source, cluster=cluster), 0)
        assert len(said) <= 1
        if payload[:1] and payload[0] & 0x07 == 0 and payload[2:3] == b"\x0b":
            assert said == ()
    answer(hub, reading(0))


def test_a_silenced_hub_answers_nobody() -> None:
    hub = made()
    hub.settings.silent = True
    assert hub.receive(reading(0), 0) == hub.receive(get(), 0) == ()
    hub.settings.silent = False
    answer(hub, reading(0))


def test_frame_counters_rise_under_the_key_in_use() -> None:
    hub = made(key_id=2)
    said = [answer(hub, one) for one in (reading(0), report(), get(), reading(5))]

    counters = [one.frame_counter for one in said]
    assert counters == sorted(set(counters))
    assert {one.key_id for one in said} == {2}
    assert {one.options for one in said} == {3}


def test_it_is_an_ota_server_all_the_same() -> None:
    own = Firmware()
    hub = made()
    hub.serve(
        served(
            build(
                payload=bytes(100),
                manufacturer=own.manufacturer,
                image_type=own.image_type,
                version=own.version + 1,
            )
        )
    )
    device = GasMeter(EUI64S[METER], METER, METER_HABITS)
    device.power_on(0)
    carrier = Carrier(hub=hub, device=device, sleepy=True)
    hub.flag_firmware(EUI64S[METER])
    carrier.run(HOUR - 1)

    assert [version for _, version in device.offers] == [own.version + 1]
    assert hub.counts[ota.QueryNextImageRequest] == 1
    assert 30 * MINUTE < hub.last_heard[METER] < 31 * MINUTE


# What waits for a sleepy device.


def test_flags_say_what_waits_and_nothing_else() -> None:
    hub = made()
    assert flags(hub) == 0
    hub.flag_firmware(EUI64S[METER])
    assert flags(hub) == flags(hub) == 0x000001
    hub.keep_message(EUI64S[METER], b"text", 0)
    assert flags(hub) == 0x200001
    query = ota.QueryNextImageRequest(
        control=ota.QueryControl(0), manufacturer=1, image_type=1, file_version=1
    )
    header = zcl.pack_header(0x01, 1, KEYS[ota.QueryNextImageRequest].command)
    hub.receive(asking(header + query.encode(), source=METER, cluster=ota.CLUSTER), 0)
    assert flags(hub) == 0x200000


def test_a_message_is_kept_until_it_is_thanked() -> None:
    hub = made()
    for text in (b"one", b"two"):
        hub.keep_message(EUI64S[METER], text, 0)

    first, again = answer(hub, get()), answer(hub, get())
    assert first.payload[3:] == again.payload[3:] == b"\x00\x00\x02\x01one"
    assert first.payload[1] == again.payload[1]
    for wrong in (thanks(first.payload[1] ^ 1), thanks(first.payload[1], command=0x00)):
        assert hub.receive(wrong, 0) == ()
        assert answer(hub, get()).payload == first.payload

    for _ in range(2):  # the second one is a copy
        assert hub.receive(thanks(first.payload[1]), 0) == ()
        last = answer(hub, get())
        assert last.payload[3:] == b"\x00\x00\x02\x00two"
    assert last.payload[1] != first.payload[1]
    hub.receive(thanks(last.payload[1]), 0)
    assert answer(hub, get()).payload[3:] == b"\x00\x00\x02\x00"
    assert hub.deadline is None


def test_a_message_that_is_not_fetched_is_discarded_at_24_hours_and_reported_once() -> None:
    """GB-057, from the hub's seat."""
    hub = made()
    hub.keep_message(EUI64S[METER], b"text", 5 * SECOND)
    due = hub.deadline
    assert due == 5 * SECOND + DAY

    hub.wake(due - 1)
    assert (flags(hub, due - 1), hub.alerts, hub.deadline) == (0x200000, [], due)
    hub.wake(due)
    assert hub.deadline is None
    (alert,) = hub.alerts
    assert (alert.at, alert.kind, alert.eui64) == (
        due,
        AlertKind.MESSAGE_DISCARDED,
        EUI64S[METER],
    )
    assert "0x819d" in alert.text
    assert flags(hub, due) == 0
    hub.wake(due + DAY)
    assert len(hub.alerts) == 1


@settings(max_examples=50)
@given(
    kept=st.lists(st.tuples(st.integers(0, 3 * DAY), st.integers(1, 2 * DAY)), max_size=6),
    asked=st.lists(st.integers(0, 6 * DAY), max_size=4),
)
def test_each_message_is_fetched_or_reported_exactly_once(
    kept: list[tuple[Us, Us]], asked: list[Us]
) -> None:
    hub = made()
    fetched = 0
    moments = sorted([(at, timeout) for at, timeout in kept] + [(at, 0) for at in asked])
    for at, timeout in moments:
        while hub.deadline is not None and hub.deadline <= at:
            hub.wake(hub.deadline)
        if timeout:
            hub.keep_message(EUI64S[METER], b"text", at, timeout_us=timeout)
        elif len((one := answer(hub, get(), at)).payload) > 7:
            hub.receive(thanks(one.payload[1]), at)
            fetched += 1
    while hub.deadline is not None:
        hub.wake(hub.deadline)

    assert fetched + len(hub.alerts) == len(kept)
    assert {one.at for one in hub.alerts} <= {at + timeout for at, timeout in kept}


def test_messages_live_through_a_restart_unless_memory_is_lost() -> None:
    hub = made()
    hub.keep_message(EUI64S[METER], b"text", 0)
    hub.flag_firmware(EUI64S[METER])
    hub.power_off(HOUR)
    assert hub.deadline is None
    hub.power_on(HOUR + SECOND)
    assert (flags(hub), hub.deadline) == (0x200001, DAY)

    hub.crash()
    hub.restart(memory=False)
    assert flags(hub) == 0


def test_what_expired_while_it_was_off_is_reported_when_it_is_back() -> None:
    hub = made()
    hub.keep_message(EUI64S[METER], b"text", 0)
    hub.power_off(HOUR)
    hub.power_on(2 * DAY)

    assert [(one.at, one.kind) for one in hub.alerts] == [
        (2 * DAY, AlertKind.SUPPLY_OUTAGE),
        (2 * DAY, AlertKind.MESSAGE_DISCARDED),
    ]


def test_a_stranger_has_no_queue() -> None:
    with pytest.raises(KeyError, match="eui64: found 0000000000000005"):
        made().keep_message(5, b"text", 0)
    with pytest.raises(ValueError, match="found no octets"):
        made().keep_message(EUI64S[METER], b"", 0)


# Who is heard, and who is down.


def test_silence_is_logged_and_is_no_alert() -> None:
    """GB-080: a bridge reboots for longer than three minutes, and nobody's supply failed."""
    hub = made()
    hub.receive(reading(0), MINUTE)
    hub.receive(reading(0), MINUTE + OUTAGE_US)
    assert hub.silences == []

    back = MINUTE + 2 * OUTAGE_US + 1
    hub.receive(reading(0), back)
    silence = Silence(eui64=EUI64S[DISPLAY], from_us=MINUTE + OUTAGE_US, to_us=back)
    assert (hub.silences, hub.alerts) == ([silence], [])
    assert hub.last_heard == {DISPLAY: back}


def test_silence_that_lasts_is_shown() -> None:
    hub = made()
    hub.receive(report(), 0)
    hub.receive(reading(0), 0)

    assert hub.silences_until(3 * MINUTE) == ()
    assert [one.eui64 for one in hub.silences_until(4 * MINUTE)] == [EUI64S[DISPLAY]]
    assert len(hub.silences_until(45 * MINUTE)) == 1  # a meter may be half a period late
    assert [one.eui64 for one in hub.silences_until(45 * MINUTE + 1)] == [*EUI64S.values()]
    assert hub.silences == []


def test_its_own_absence_is_nobodys_silence() -> None:
    hub = made()
    hub.receive(reading(0), 0)
    hub.power_off(SECOND)
    assert hub.silences_until(HOUR) == ()
    hub.power_on(HOUR)
    hub.receive(reading(0), HOUR + MINUTE)

    assert hub.silences == []


def test_a_silence_before_its_own_absence_is_kept_in_the_log() -> None:
    hub = made()
    hub.receive(reading(0), 0)
    hub.power_off(HOUR)
    hub.power_off(HOUR + 2 * MINUTE)  # it is off already
    hub.power_on(HOUR + 4 * MINUTE)
    hub.receive(reading(0), HOUR + 6 * MINUTE)

    display = [one for one in hub.silences if one.eui64 == EUI64S[DISPLAY]]
    assert display == [Silence(eui64=EUI64S[DISPLAY], from_us=0, to_us=HOUR)]
    assert [one.kind for one in hub.alerts] == [AlertKind.SUPPLY_OUTAGE]


@pytest.mark.parametrize(("off_us", "raised"), [(OUTAGE_US - 1, 0), (OUTAGE_US, 1)])
def test_only_its_own_supply_raises_a_supply_alert(off_us: Us, raised: int) -> None:
    hub = made()
    hub.power_off(SECOND)
    assert hub.receive(reading(0), SECOND) == ()
    hub.power_on(SECOND + off_us)

    assert [one.kind for one in hub.alerts] == [AlertKind.SUPPLY_OUTAGE] * raised
    assert {one.eui64 for one in hub.alerts} <= {hub.eui64}
    answer(hub, reading(0), SECOND + off_us)


def test_a_display_sees_an_outage_of_the_hub() -> None:
    hub = made()
    device = Display(EUI64S[DISPLAY], DISPLAY, DISPLAY_HABITS)
    device.power_on(0)
    carrier = Carrier(hub=hub, device=device)
    carrier.run(MINUTE - SECOND)
    hub.power_off(carrier.now)
    carrier.run(5 * MINUTE - SECOND)
    hub.power_on(carrier.now)
    carrier.run(10 * MINUTE)

    trip = 2 * LATENCY_US
    assert device.account.spans == [(50 * SECOND + trip, 5 * MINUTE + trip)]
    assert device.account.missed == 24
    assert hub.silences == []
    assert [one.kind for one in hub.alerts] == [AlertKind.SUPPLY_OUTAGE]


def test_a_member_at_another_address_is_the_same_member() -> None:
    hub = made()
    hub.keep_message(EUI64S[METER], b"text", 0)
    hub.event(Announced(address=0x4D04, eui64=EUI64S[METER]), 1)

    assert answer(hub, replace(get(), source=0x4D04)).payload[-4:] == b"text"
    assert frame_of(answer(hub, get())) == zcl.DefaultResponse(
        command=0x02, status=Status.NOT_AUTHORIZED
    )
