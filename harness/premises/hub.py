"""Play the hub of a home: it serves the bridges, and answers the display and the gas meter.

It knows the difference between a member that is silent and a supply that failed: a silence is
logged, and is never an alert (GB-080).

Source: gb-alt-han fact sheet 1.4, 2.6 and 5; GB-056, GB-057, GB-080.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from emulator.actions import Action, Announced, Event
from emulator.errors import WireError
from emulator.units import DAY, MINUTE, SECOND, Us
from emulator.wire import metering, ota, tunnelling, zcl
from emulator.wire.aps import ApsOptions, Datagram
from emulator.wire.codec import KEYS, Frame, pack_integer
from emulator.wire.ota import Status
from harness.hub.drafts import FROM_SERVER_ASKING, GENERAL_FROM_SERVER
from harness.hub.ledger import Heard
from harness.hub.server import Hub

#: From how much silence on, and from how long a supply was off, one speaks of an outage.
OUTAGE_US: Us = 3 * MINUTE
#: The event code of a message that a sleepy device did not fetch in time (gb-alt-han, GB-057).
MESSAGE_DISCARDED = 0x819D
#: The home draws 360 W, so that its consumption rises by 1 Wh in ten seconds [ASSUMED].
_WATT_HOUR_US: Us = 10 * SECOND

_OPTIONS = int(ApsOptions.ACKNOWLEDGE | ApsOptions.ENCRYPT)
#: Frame control: of the cluster, and general, from the client; no Default Response wanted.
_FROM_CLIENT, _GENERAL_FROM_CLIENT = 0x11, 0x10
_READ = zcl.GeneralCommand.READ_ATTRIBUTES
#: The body of what a display asks.
_QUESTION = zcl.ReadAttributes(attributes=(metering.CURRENT_SUMMATION_DELIVERED,)).encode()


class AlertKind(StrEnum):
    """Name what a hub raises an alert for."""

    SUPPLY_OUTAGE = "supply outage"  # its own supply was off for at least three minutes
    MESSAGE_DISCARDED = "message discarded"  # event code 0x819D


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Be one alert that the hub raised."""

    at: Us
    kind: AlertKind
    eui64: int  # of whom it speaks
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Be the time in which a member was not heard though it should have been."""

    eui64: int
    from_us: Us
    to_us: Us


@dataclass(slots=True, kw_only=True)
class _Message:
    octets: bytes
    until: Us
    sequence: int | None = None  # of the frame that carries it, the same each time


@dataclass(slots=True, kw_only=True)
class _Member:
    """Hold what the hub knows of a display or meter."""

    eui64: int
    patience_us: Us
    last_us: Us  # when it was heard last, or could be heard again
    firmware: bool = False  # flagged, and not asked for yet
    messages: deque[_Message] = field(default_factory=deque)


class PremisesHub(Hub):
    """Be the hub of one home, and keep the ledger of who is heard."""

    def __init__(self, **more: Any) -> None:  # noqa: ANN401 - the fields of a hub
        super().__init__(**more)
        #: When a node was heard last, by NWK address: bridges too.
        self.last_heard: dict[int, Us] = {}
        self.alerts: list[Alert] = []
        self.silences: list[Silence] = []
        self._housed: dict[int, _Member] = {}  # by NWK address
        self._off_from: Us | None = None  # since when its supply is off
        self._due: Us | None = None
        self._value = (-1, b"")  # the consumption, and the end of an answer that tells it

    # What it is told.

    def register(self, eui64: int, address: int, *, period_us: Us, now: Us = 0) -> None:
        """Make a display or meter a member, from now on expected to be heard.

        Args:
            eui64: The device's.
            address: Its NWK address.
            period_us: How often it is heard; half a period more, and at least three minutes, of
                nothing is a silence.
            now: Virtual time.
        """
        self.members[eui64] = address
        patience_us = max(OUTAGE_US, period_us + period_us // 2)
        self._housed[address] = _Member(eui64=eui64, patience_us=patience_us, last_us=now)

    def keep_message(self, eui64: int, octets: bytes, now: Us, *, timeout_us: Us = DAY) -> None:
        """Keep a message until its device fetches it; it is discarded when its time is over.

        Raises:
            KeyError: The device is no member.
            ValueError: There is nothing to keep.
        """
        if not octets:
            raise ValueError("message: found no octets, wanted at least 1")
        self._member(eui64).messages.append(_Message(octets=octets, until=now + timeout_us))
        self._reckon()

    def flag_firmware(self, eui64: int) -> None:
        """Tell a sleepy meter at its next report that there is firmware, until it asks (GB-056).

        Raises:
            KeyError: The device is no member.
        """
        self._member(eui64).firmware = True

    def silences_until(self, now: Us) -> Sequence[Silence]:
        """Return the silences, those that last still counted up to ``now``."""
        return (*self.silences, *self._lasting(now))

    def _lasting(self, now: Us) -> Sequence[Silence]:
        if self._off_from is not None:  # who does not listen knows of no silence
            return ()
        return [
            Silence(eui64=one.eui64, from_us=one.last_us, to_us=now)
            for one in self._housed.values()
            if now - one.last_us > one.patience_us
        ]

    def _note(self, silence: Silence) -> None:
        """Log a silence that is over. It says nothing about anybody's supply: no alert."""
        self.silences.append(silence)

    def _member(self, eui64: int) -> _Member:
        for one in self._housed.values():
            if one.eui64 == eui64:
                return one
        raise KeyError(f"eui64: found {eui64:016x}, wanted a registered display or meter")

    # The face of every machine.

    @property
    def deadline(self) -> Us | None:
        """Return when a message's time is over, or a frame is due."""
        due, outbox = self._due, self._outbox.deadline
        return due if outbox is None else outbox if due is None else min(due, outbox)

    def power_on(self, now: Us) -> Sequence[Action]:
        """Start; where the supply was off for three minutes or more, that is an alert."""
        if self._off_from is not None:
            off_us, self._off_from = now - self._off_from, None
            if off_us >= OUTAGE_US:
                text = f"the hub's supply was off for {off_us // SECOND} s"
                self._raise(AlertKind.SUPPLY_OUTAGE, self.eui64, text, now)
            for one in self._housed.values():  # its own absence is nobody's silence
                one.last_us = now
        if not self.up:
            self.restart()
        self._expire(now)
        return ()

    def power_off(self, now: Us) -> None:
        """Stop; what it keeps for sleepy devices stays."""
        if self._off_from is None:
            for silence in self._lasting(now):
                self._note(silence)
            self._off_from = now
            self.crash()
            self._reckon()

    def wake(self, now: Us) -> Sequence[Action]:
        """Do what is due."""
        if self._due is not None and now >= self._due:
            self._expire(now)
        return super().wake(now)

    def event(self, what: Event, now: Us) -> Sequence[Action]:
        """Note who announced itself, at which address."""
        if isinstance(what, Announced):
            before = self.members.get(what.eui64)
            if before in self._housed and before != what.address:
                self._housed[what.address] = self._housed.pop(before)
        return super().event(what, now)

    def receive(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        """Answer a datagram."""
        if not self.up:
            return ()
        self.last_heard[datagram.source] = now
        if datagram.cluster == metering.CLUSTER or datagram.cluster == tunnelling.CLUSTER:
            return self._on_resident(datagram, now)
        return super().receive(datagram, now)

    def restart(self, *, memory: bool = True) -> None:
        """Work again; without ``memory`` it keeps no message, and has flagged nothing."""
        super().restart(memory=memory)
        if not memory:
            for one in self._housed.values():
                one.messages.clear()
                one.firmware = False

    # Time.

    def _expire(self, now: Us) -> None:
        """Drop what was kept for too long."""
        for one in self._housed.values():
            stale = [message for message in one.messages if message.until <= now]
            for message in stale:
                one.messages.remove(message)
                text = (
                    f"event {MESSAGE_DISCARDED:#06x}: a message of {len(message.octets)} octets "
                    "was not fetched in time"
                )
                self._raise(AlertKind.MESSAGE_DISCARDED, one.eui64, text, now)
        self._reckon()

    def _reckon(self) -> None:
        """Note when the next message's time is over; a hub that is down looks when it is back."""
        housed = self._housed.values() if self.up else ()
        self._due = min((each.until for one in housed for each in one.messages), default=None)

    def _raise(self, kind: AlertKind, eui64: int, text: str, now: Us) -> None:
        self.alerts.append(Alert(at=now, kind=kind, eui64=eui64, text=text))

    # Metering.

    def _on_resident(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        """Answer a member on one of the clusters that only displays and meters use."""
        payload, source = datagram.payload, datagram.source
        if len(payload) < 3 or payload[0] & zcl.MANUFACTURER_SPECIFIC:
            return ()  # no header, or a maker's own command
        if self.settings_of(source).silent:
            return ()
        one = self._housed.get(source)
        if one is None:
            return self._refuse(datagram, Status.NOT_AUTHORIZED)
        if now - one.last_us > one.patience_us:
            self._note(Silence(eui64=one.eui64, from_us=one.last_us, to_us=now))
        one.last_us = now
        if datagram.cluster == tunnelling.CLUSTER:
            return self._on_tunnel(datagram, one)
        return self._on_metering(datagram, one, now)

    def _on_metering(self, datagram: Datagram, one: _Member, now: Us) -> Sequence[Action]:
        payload = datagram.payload
        if payload[0] & ~zcl.NO_DEFAULT_RESPONSE == 0 and payload[2] == _READ:
            return self._tell_value(datagram, now)
        general = payload[0] & zcl.FRAME_TYPE_MASK == zcl.FrameType.GENERAL
        if general and payload[2] == metering.REPORT_ATTRIBUTES:
            return self._on_report(datagram, one)
        unknown = Status.UNSUP_GENERAL_COMMAND if general else Status.UNSUP_COMMAND
        return self._refuse(datagram, unknown)

    def _tell_value(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        payload = datagram.payload
        body = self._answer_to(payload, now)
        if body is None:
            return self._refuse(datagram, Status.MALFORMED_COMMAND)
        number = zcl.GeneralCommand.READ_ATTRIBUTES_RESPONSE
        return self._reply(datagram, GENERAL_FROM_SERVER, number, body)

    def _answer_to(self, payload: bytes, now: Us) -> bytes | None:
        """Return what answers the question for attributes, None where it cannot be read."""
        consumption = now // _WATT_HOUR_US
        if self._value[0] != consumption:
            self._value = (consumption, _record_of(consumption).encode())
        if payload[3:] == _QUESTION:  # as every display asks
            return self._value[1]
        try:
            asked = zcl.ReadAttributes.decode_at(payload, 3)[0].attributes
        except WireError:
            return None
        known = metering.CURRENT_SUMMATION_DELIVERED
        missing = Status.UNSUPPORTED_ATTRIBUTE
        return b"".join(
            self._value[1]
            if each == known
            else zcl.ReadAttributeRecord(attribute=each, status=missing).encode()
            for each in asked
        )

    def _on_report(self, datagram: Datagram, one: _Member) -> Sequence[Action]:
        try:
            metering.ReportAttributes.decode_at(datagram.payload, 3)
        except WireError:
            return self._refuse(datagram, Status.MALFORMED_COMMAND)
        flags = one.firmware * metering.FunctionalFlags.NEW_FIRMWARE
        flags |= bool(one.messages) * metering.FunctionalFlags.TUNNEL_MESSAGE
        answer = metering.MirrorReportAttributeResponse(
            scheme=metering.SCHEME_A, flags=(int(flags),)
        )
        number = KEYS[metering.MirrorReportAttributeResponse].command
        return self._reply(datagram, _FROM_CLIENT, number, answer.encode())

    # Firmware and messages for devices that sleep.

    def _hear(self, heard: Heard) -> None:
        """Write down a frame; a meter that asks for its firmware needs no flag any more."""
        if type(heard.frame) is ota.QueryNextImageRequest:
            one = self._housed.get(heard.source)
            if one is not None:
                one.firmware = False
        super()._hear(heard)

    def _on_tunnel(self, datagram: Datagram, one: _Member) -> Sequence[Action]:
        payload = datagram.payload
        if payload[0] & zcl.FRAME_TYPE_MASK == zcl.FrameType.GENERAL:
            return self._on_thanks(one, payload)
        kind = tunnelling.TransferDataToServer
        if payload[2] != KEYS[kind].command:
            return self._refuse(datagram, Status.UNSUP_COMMAND)
        try:
            data = kind.decode_at(payload, 3)[0].data
        except WireError:
            return self._refuse(datagram, Status.MALFORMED_COMMAND)
        if data == bytes((tunnelling.Order.GET,)):
            return self._hand_out(datagram, one)
        return self._refuse(datagram, Status.INVALID_FIELD)  # nothing here takes a PUT

    def _hand_out(self, datagram: Datagram, one: _Member) -> Sequence[Action]:
        """Send the oldest message and how many more there are; it is kept until it is thanked."""
        message = one.messages[0] if one.messages else None
        more = min(max(0, len(one.messages) - 1), 0xFF)
        data = bytes((tunnelling.Order.GET_RESPONSE, more))
        sequence = self.next_sequence() if message is None else message.sequence
        if sequence is None:
            sequence = self.next_sequence()
        if message is not None:
            message.sequence = sequence
            data += message.octets
        frame = tunnelling.TransferDataToClient(tunnel=tunnelling.TUNNEL, data=data)
        number = KEYS[tunnelling.TransferDataToClient].command
        body = frame.encode()
        return self._reply(datagram, FROM_SERVER_ASKING, number, body, sequence=sequence)

    def _on_thanks(self, one: _Member, payload: bytes) -> Sequence[Action]:
        """Forget the message that a Default Response says was taken."""
        thanks = zcl.DefaultResponse(
            command=KEYS[tunnelling.TransferDataToClient].command, status=Status.SUCCESS
        )
        if payload[2] == zcl.GeneralCommand.DEFAULT_RESPONSE and payload[3:] == thanks.encode():
            first = one.messages[0] if one.messages else None
            if first is not None and first.sequence == payload[1]:
                one.messages.popleft()
                self._reckon()
        return ()

    # Sending.

    def _reply(
        self,
        request: Datagram,
        control: int,
        command: int,
        body: bytes,
        *,
        sequence: int | None = None,
    ) -> Sequence[Action]:
        number = request.payload[1] if sequence is None else sequence
        return self._send(
            zcl.pack_header(control, number, command) + body,
            request.source,
            request.source_endpoint,
            request.destination_endpoint,
            request.profile,
            request.cluster,
            _OPTIONS,
        )

    def _refuse(self, request: Datagram, status: Status) -> Sequence[Action]:
        """Send a Default Response, never to one (ZCL 2.4.1.1.4)."""
        payload = request.payload
        general = payload[0] & zcl.FRAME_TYPE_MASK == zcl.FrameType.GENERAL
        number = zcl.GeneralCommand.DEFAULT_RESPONSE
        if general and payload[2] == number:
            return ()
        body = zcl.DefaultResponse(command=payload[2], status=status).encode()
        served = payload[0] & zcl.FROM_SERVER
        control = _GENERAL_FROM_CLIENT if served else GENERAL_FROM_SERVER
        return self._reply(request, control, number, body)


def _record_of(consumption: int) -> Frame:
    """Return the attribute record that tells the consumption in watt hours."""
    return zcl.ReadAttributeRecord(
        attribute=metering.CURRENT_SUMMATION_DELIVERED,
        status=Status.SUCCESS,
        type=zcl.DataType.UINT48,
        value=pack_integer(consumption, 6),
    )
