"""Play the devices of a home for whose sake the bridges are there: the display and the gas meter.

Both are commissioned: they know their address and their hub, and keep them for ever. What they saw
is in their ``account``.

Source: gb-alt-han fact sheet 1.4, 2.6 and 5 (T10); GB-056 to GB-058.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from emulator.actions import Action, Event, Joined, Left, Poll, Send
from emulator.units import MILLISECOND, Rng, Us
from emulator.wire import metering, ota, tunnelling, zcl
from emulator.wire.aps import COORDINATOR, ApsOptions, Datagram
from emulator.wire.codec import KEYS, Frame, pack_integer
from harness.premises.account import Account
from harness.trace import dissect

#: The Smart Energy profile, and where its clusters stand on hub and devices [ASSUMED].
PROFILE, ENDPOINT = 0x0109, 1
#: APS options of what they send: Smart Energy asks for both.
_OPTIONS = int(ApsOptions.ACKNOWLEDGE | ApsOptions.ENCRYPT)

#: Frame control: general and of the cluster, from the client, a Default Response wanted; general,
#: from the client and from the server, none wanted.
_ASK, _ORDER, _REPLY, _ANSWER = 0x00, 0x01, 0x10, 0x18


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """Say how a device talks to its hub.

    Args:
        period_us: From one first try to the next.
        tries: How often it asks in a period, at least once.
        timeout_us: How long it waits for an answer to each try.
        sleepy: Whether its parent holds what is for it until it polls.
        poll_us: How often it polls then, while it waits for an answer.

    Raises:
        ValueError: A number is not positive, or the tries of a period do not fit into it.
    """

    period_us: Us
    tries: int
    timeout_us: Us
    sleepy: bool = False
    poll_us: Us = 250 * MILLISECOND

    def __post_init__(self) -> None:
        for name in ("period_us", "tries", "timeout_us", "poll_us"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: found {getattr(self, name)}, wanted at least 1")
        if self.tries * self.timeout_us > self.period_us:
            raise ValueError(
                f"timeout_us: found {self.tries} tries of {self.timeout_us} us, "
                f"wanted them within a period of {self.period_us} us"
            )

    def patience_us(self) -> Us:
        """Return how long it waits before it does something: polls, or gives a try up."""
        return min(self.poll_us, self.timeout_us) if self.sleepy else self.timeout_us


class Voice:
    """Be the sending half of a commissioned device.

    Its counters outlive the supply, as they do in a device that keeps their limit in flash.
    """

    __slots__ = ("_counter", "_sequence", "address", "key_id")

    def __init__(self, address: int, key_id: int) -> None:
        self.address: int | None = address
        self.key_id = key_id
        self._counter = 0
        self._sequence = 0

    def next_sequence(self) -> int:
        """Return a fresh ZCL sequence number."""
        self._sequence = (self._sequence + 1) & 0xFF
        return self._sequence

    def send(self, payload: bytes, cluster: int) -> Sequence[Action]:
        """Send octets to the hub; nothing leaves a device that is off the network."""
        if self.address is None:
            return ()
        counter = self._counter = self._counter + 1
        return (
            Send(
                datagram=Datagram(
                    source=self.address,
                    destination=COORDINATOR,
                    source_endpoint=ENDPOINT,
                    destination_endpoint=ENDPOINT,
                    profile=PROFILE,
                    cluster=cluster,
                    payload=payload,
                    options=_OPTIONS,
                    aps_counter=counter & 0xFF,
                    key_id=self.key_id,
                    frame_counter=counter,
                )
            ),
        )

    def event(self, what: Event) -> None:
        """Take another address or network key, or leave the network."""
        if isinstance(what, Joined):
            self.address, self.key_id = what.address, what.key_id
        elif isinstance(what, Left):
            self.address = None


def _reads() -> tuple[bytes, ...]:
    """Return the question for the consumption, by its sequence number."""
    body = zcl.ReadAttributes(attributes=(metering.CURRENT_SUMMATION_DELIVERED,)).encode()
    number = zcl.GeneralCommand.READ_ATTRIBUTES
    return tuple(zcl.pack_header(_ASK, one, number) + body for one in range(256))


def _values() -> tuple[bytes, ...]:
    """Return what the answers begin with, up to the value, by their sequence number."""
    record = zcl.ReadAttributeRecord(
        attribute=metering.CURRENT_SUMMATION_DELIVERED,
        status=zcl.Status.SUCCESS,
        type=zcl.DataType.UINT48,
        value=bytes(6),
    )
    body = zcl.ReadAttributesResponse(records=(record,)).encode()[:-6]
    number = zcl.GeneralCommand.READ_ATTRIBUTES_RESPONSE
    return tuple(zcl.pack_header(_ANSWER, one, number) + body for one in range(256))


#: The tables of a display: it asks and is answered a thousand times an hour in a thousand homes.
_READS, _VALUES = _reads(), _values()
_ANSWER_SIZE = len(_VALUES[0]) + 6


class Display:
    """Ask the hub for the consumption, again and again."""

    def __init__(
        self,
        eui64: int,
        address: int,
        habits: Habits,
        rng: Rng | None = None,
        key_id: int = 0,
    ) -> None:
        """Make a display without supply.

        Args:
            eui64: Its EUI-64.
            address: Its NWK address.
            habits: How it asks.
            rng: Who draws how far into a period after power on it asks first; None: at once.
            key_id: Of the network key.
        """
        self.eui64, self.habits = eui64, habits
        self.account = Account()
        self.voice = Voice(address, key_id)
        self.phase_us: Us = 0 if rng is None else rng.randrange(0, habits.period_us)
        self.deadline: Us | None = None
        self._patience_us = habits.patience_us()
        self._next_us: Us = 0  # of the next period
        self._asked_us: Us = 0  # first, in this period
        self._until_us: Us = 0  # how long this try's answer is waited for
        self._tries_left = 0  # in this period
        self._answered = True  # whether this period's question is
        self._sequence = 0

    def power_on(self, now: Us) -> Sequence[Action]:
        """Begin to ask."""
        self._next_us = self.deadline = now + self.phase_us
        self._until_us = now
        return ()

    def power_off(self, now: Us) -> None:
        """Stop, and wait for nothing."""
        self.deadline, self._answered = None, True
        self.account.stopped(now)

    def event(self, what: Event, now: Us) -> Sequence[Action]:
        """Take another address or network key, or leave the network."""
        self.voice.event(what)
        return ()

    def receive(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        """Take the answer to the question of this period, however late."""
        payload = datagram.payload
        if (
            self._answered
            or datagram.source != COORDINATOR
            or datagram.cluster != metering.CLUSTER
            or len(payload) != _ANSWER_SIZE
            or not payload.startswith(_VALUES[self._sequence])
        ):
            return ()
        self._answered = True
        if self._asked_us < 0:  # this period had been given up
            self.account.late(now)
        else:
            self.account.answered(now)
        self.deadline = self._next_us
        return ()

    def wake(self, now: Us) -> Sequence[Action]:
        """Ask, poll, ask again, or give this period up."""
        due = self.deadline
        if due is None or now < due:
            return ()
        if now < self._until_us:
            self.deadline = min(self._until_us, now + self.habits.poll_us)
            return (Poll(),)
        if now < self._next_us and not self._tries_left:
            self._give_up()
            return ()
        if now >= self._next_us:
            self._begin(now)
        self._tries_left -= 1
        self._until_us = now + self.habits.timeout_us
        self.deadline = now + self._patience_us
        return self.voice.send(_READS[self._sequence], metering.CLUSTER)

    def _begin(self, now: Us) -> None:
        if not self._answered and self._asked_us >= 0:
            self._give_up()  # its last try had no time left for its own deadline
        self._sequence = self.voice.next_sequence()
        self._answered, self._asked_us = False, now
        self._tries_left = self.habits.tries
        period = self.habits.period_us
        self._next_us += period * ((now - self._next_us) // period + 1)

    def _give_up(self) -> None:
        self.account.failed(self._asked_us)
        self._asked_us = -1
        self.deadline = self._next_us


class Stage(Enum):
    """Name what a gas meter does."""

    ASLEEP = "asleep"
    REPORTING = "reporting"  # waits for the answer to its report
    QUERYING = "querying"  # asks for the image that the hub flagged
    FETCHING = "fetching"  # fetches the messages that the hub keeps


#: What a meter says of a message that it took.
_TAKEN = zcl.DefaultResponse(
    command=KEYS[tunnelling.TransferDataToClient].command, status=zcl.Status.SUCCESS
).encode()


@dataclass(frozen=True, slots=True)
class Firmware:
    """Name the firmware of a gas meter, as it asks for the next."""

    manufacturer: int = 0x10A5
    image_type: int = 0x0100
    version: int = 0x01000000


class GasMeter:
    """Sleep; every half hour wake, report, and fetch what waits for it.

    It takes no image: it only asks for the one that the hub flagged, and notes the answer.
    """

    def __init__(
        self,
        eui64: int,
        address: int,
        habits: Habits,
        rng: Rng | None = None,
        key_id: int = 0,
        firmware: Firmware = Firmware(),
    ) -> None:
        """Make a meter without supply.

        Args:
            eui64: Its EUI-64.
            address: Its NWK address.
            habits: When it wakes and how it asks.
            rng: Who draws how far into a period after power on it wakes first; None: at once.
            key_id: Of the network key.
            firmware: What it runs.
        """
        self.eui64, self.habits, self.firmware = eui64, habits, firmware
        self.account = Account()
        self.voice = Voice(address, key_id)
        self.phase_us: Us = 0 if rng is None else rng.randrange(0, habits.period_us)
        self.stage = Stage.ASLEEP
        #: When it was told of which file version, None where the hub had none after all.
        self.offers: list[tuple[Us, int | None]] = []
        #: When it fetched which message.
        self.messages: list[tuple[Us, bytes]] = []
        self._on = False
        self._next_us: Us = 0  # of the next cycle
        self._asked_us: Us = 0  # of the cycle's first try
        self._give_up_us: Us = 0
        self._poll_us: Us = 0
        self._said = (b"", 0)  # what is said again: payload, cluster
        self._tries_left = 0
        self._flags = 0
        self._taken = (-1, b"")  # the last message: its frame's sequence number, its octets

    @property
    def deadline(self) -> Us | None:
        """Return when it wakes, polls, or gives up."""
        if not self._on:
            return None
        if self.stage is Stage.ASLEEP:
            return self._next_us
        return min(self._give_up_us, self._poll_us)

    def power_on(self, now: Us) -> Sequence[Action]:
        """Begin to sleep."""
        self._on, self._next_us = True, now + self.phase_us
        return ()

    def power_off(self, now: Us) -> None:
        """Stop, in the middle of whatever it does."""
        self._on, self.stage = False, Stage.ASLEEP
        self.account.stopped(now)

    def event(self, what: Event, now: Us) -> Sequence[Action]:
        """Take another address or network key, or leave the network."""
        self.voice.event(what)
        return ()

    def wake(self, now: Us) -> Sequence[Action]:
        """Begin a cycle, poll, or ask again."""
        due = self.deadline
        if due is None or now < due:
            return ()
        if self.stage is Stage.ASLEEP:
            return self._begin(now)
        if now < self._give_up_us:  # only a sleepy one is woken before
            self._poll_us = now + self.habits.poll_us
            return (Poll(),)
        if self._tries_left:
            return self._say(now)
        if self.stage is Stage.REPORTING:
            self.account.failed(self._asked_us)
        return self._sleep()

    def receive(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        """Take what the hub says while it is awake; what it does not wait for is ignored."""
        handler = _HANDLERS.get(self.stage)
        if handler is None or datagram.source != COORDINATOR:
            return ()
        frame = dissect(datagram)
        return () if frame is None else handler(self, frame, datagram.payload[1], now)

    # What it does, one after the other.

    def _begin(self, now: Us) -> Sequence[Action]:
        period = self.habits.period_us
        self._next_us += period * ((now - self._next_us) // period + 1)
        self._asked_us, self._flags = now, 0
        record = zcl.WriteAttributeRecord(
            attribute=metering.CURRENT_SUMMATION_DELIVERED,
            type=zcl.DataType.UINT48,
            value=pack_integer(self.account.cycles, 6),
        )
        report = metering.ReportAttributes(records=(record,))
        header = zcl.pack_header(
            zcl.FROM_SERVER, self.voice.next_sequence(), metering.REPORT_ATTRIBUTES
        )
        return self._ask(Stage.REPORTING, header + report.encode(), metering.CLUSTER, now)

    def _go_on(self, now: Us) -> Sequence[Action]:
        """Do what the hub flagged and is not done yet; then sleep."""
        if self._flags & metering.FunctionalFlags.NEW_FIRMWARE:
            self._flags &= ~metering.FunctionalFlags.NEW_FIRMWARE
            query = ota.QueryNextImageRequest(
                control=ota.QueryControl(0),
                manufacturer=self.firmware.manufacturer,
                image_type=self.firmware.image_type,
                file_version=self.firmware.version,
            )
            return self._ask(Stage.QUERYING, self._order(query), ota.CLUSTER, now)
        if self._flags & metering.FunctionalFlags.TUNNEL_MESSAGE:
            order = tunnelling.TransferDataToServer(
                tunnel=tunnelling.TUNNEL, data=bytes((tunnelling.Order.GET,))
            )
            return self._ask(Stage.FETCHING, self._order(order), tunnelling.CLUSTER, now)
        return self._sleep()

    def _sleep(self) -> Sequence[Action]:
        self.stage = Stage.ASLEEP
        return ()

    def _order(self, frame: Frame) -> bytes:
        number = KEYS[type(frame)].command
        return zcl.pack_header(_ORDER, self.voice.next_sequence(), number) + frame.encode()

    def _ask(self, stage: Stage, payload: bytes, cluster: int, now: Us) -> Sequence[Action]:
        self.stage, self._said = stage, (payload, cluster)
        self._tries_left = self.habits.tries
        return self._say(now)

    def _say(self, now: Us) -> Sequence[Action]:
        self._tries_left -= 1
        self._give_up_us = now + self.habits.timeout_us
        self._poll_us = now + self.habits.patience_us()
        return self.voice.send(*self._said)

    # What it takes.

    def _on_report_answer(self, frame: Frame, sequence: int, now: Us) -> Sequence[Action]:
        if sequence != self._said[0][1]:
            return ()  # an answer to an earlier cycle that its parent had held
        if isinstance(frame, metering.MirrorReportAttributeResponse):
            self._flags = frame.flags[0] if frame.flags else 0
        elif not isinstance(frame, zcl.DefaultResponse) or frame.status is not zcl.Status.SUCCESS:
            return ()  # a refusal is no answer: it reports again
        self.account.answered(now)
        return self._go_on(now)

    def _on_offer(self, frame: Frame, sequence: int, now: Us) -> Sequence[Action]:
        if sequence != self._said[0][1] or not isinstance(frame, ota.QueryNextImageResponse):
            return ()
        self.offers.append((now, frame.file_version))
        return self._go_on(now)

    def _on_message(self, frame: Frame, sequence: int, now: Us) -> Sequence[Action]:
        if not isinstance(frame, tunnelling.TransferDataToClient):
            return ()
        if frame.data[:1] != bytes((tunnelling.Order.GET_RESPONSE,)) or len(frame.data) < 2:
            return ()
        waiting, message = frame.data[1], frame.data[2:]
        header = zcl.pack_header(_REPLY, sequence, zcl.GeneralCommand.DEFAULT_RESPONSE)
        thanks = self.voice.send(header + _TAKEN, tunnelling.CLUSTER) if message else ()
        if (sequence, message) == self._taken:
            return thanks  # the hub had not heard the first thanks
        self._taken = (sequence, message)
        if message:
            self.messages.append((now, message))
        if not waiting:
            self._flags &= ~metering.FunctionalFlags.TUNNEL_MESSAGE
        return (*thanks, *self._go_on(now))


#: What a meter waits for in each stage; asleep it hears nothing.
_HANDLERS: dict[Stage, Callable[[GasMeter, Frame, int, Us], Sequence[Action]]] = {
    Stage.REPORTING: GasMeter._on_report_answer,
    Stage.QUERYING: GasMeter._on_offer,
    Stage.FETCHING: GasMeter._on_message,
}
