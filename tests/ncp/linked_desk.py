"""Sit at a stick behind its serial link, as a host: every command of every version by its name."""

from collections.abc import Mapping, Sequence
from typing import Any

from emulator.ncp.ash_frames import NUMBERS, AshFrame, Damaged, Deframer, Kind
from emulator.ncp.commands import spoken
from emulator.ncp.fields import InitialSecurityState, Layout
from emulator.ncp.port import WELL_KNOWN_KEY, NetworkParameters
from emulator.ncp.radio import BridgeSpec, StickSpec, VirtualRadio
from emulator.profiles.model import Profile
from emulator.units import Us
from tests.ncp.parties import PARAMETERS, image_of, profile_of

NETWORK_KEY = bytes(range(16))
CALLBACK = 0x10
#: Global link key, preconfigured key, network key.
BITMASK = 0x0304


def make_radio(
    *sticks: str,
    version: int = 13,
    bridges: Sequence[BridgeSpec] = (),
    **options: Any,  # noqa: ANN401
) -> VirtualRadio:
    """Return a radio whose sticks and bridges log nothing."""
    specs = [StickSpec(name=name, version=version) for name in sticks or ("hub",)]
    return VirtualRadio(specs, bridges, **{"log": lambda line: None, **options})


def make_bridge(
    kind: str = "B1", name: str = "bridge", profile: Profile | None = None
) -> BridgeSpec:
    """Return a bridge that runs version 1."""
    image = image_of(kind, 1, 256)
    return BridgeSpec(name=name, profile=profile or profile_of(kind), image=image, version=1)


class Desk:
    """Be a host that acknowledges at once and asks one thing after the other."""

    def __init__(self, radio: VirtualRadio, stick: str = "hub") -> None:
        self.radio, self.name = radio, stick
        self.stick = radio.sticks[stick]
        self.version = self.stick.version
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.arrived: list[str] = []  # responses and callbacks, in the order of the line
        rows = spoken(self.version)
        self._requests = {
            name: Layout(name, row.request, self.version)
            for name, row in rows.items()
            if row.request is not None
        }
        self._answers = {
            row.id: Layout(name, row.response, self.version) for name, row in rows.items()
        }
        self._ids = {name: row.id for name, row in rows.items()}
        self.commands = tuple(self._requests)
        self.sequence = 0
        self.reset()

    @property
    def now(self) -> Us:
        """Return the world's time."""
        return self.radio.world.now

    def reset(self) -> None:
        """Reset the stick and agree upon the version."""
        self._deframer = Deframer()
        self._number = self._expected = 0
        self._answered: int | None = None
        self._pending: dict[int, tuple[str, dict[str, Any]]] = {}
        self._write(AshFrame(kind=Kind.RST))
        assert self.ask("version", desired_version=self.version)["version"] == self.version

    def ask(self, name: str, /, **values: Any) -> dict[str, Any]:  # noqa: ANN401
        """Send a command and return the fields of its response, statuses as numbers."""
        answered, fields = self.send(self._ids[name], self._requests[name].encode(values))
        assert answered == name, f"{name}: answered by {answered} {fields}"
        return fields

    def send(self, number: int, fields: bytes) -> tuple[str, dict[str, Any]]:
        """Send a command as octets; return the name of what answers it, and its fields."""
        sequence = self.sequence = (self.sequence + 1) % 256
        head = bytes((sequence, 0, 1, number & 0xFF, number >> 8))
        frame = AshFrame(
            kind=Kind.DATA,
            number=self._number,
            acknowledged=self._expected,
            payload=head + fields,
        )
        self._number = (self._number + 1) % NUMBERS
        self._write(frame)
        return self._pending.pop(sequence)

    def wait(self, time: Us) -> None:
        """Let time pass."""
        until = self.now + time
        while (due := self.radio.deadline) is not None and due <= until:
            self.radio.run(max(due, self.now))
            self._read()
        self.radio.run(until)
        self._read()

    def of(self, name: str) -> list[dict[str, Any]]:
        """Return the fields of each callback of a name."""
        return [values for each, values in self.heard if each == name]

    def form(self, parameters: NetworkParameters = PARAMETERS) -> None:
        """Form a network."""
        self.secure()
        assert self.ask("formNetwork", parameters=parameters)["status"] == 0

    def secure(self) -> None:
        """Set the keys to form or join with."""
        state = InitialSecurityState(
            bitmask=BITMASK,
            preconfigured_key=WELL_KNOWN_KEY,
            network_key=NETWORK_KEY,
            network_key_sequence=0,
            trust_centre=0,
        )
        assert self.ask("setInitialSecurityState", state=state)["status"] == 0

    def _write(self, frame: AshFrame) -> None:
        self.radio.feed(self.name, frame.encode(), self.now)
        self._read()

    def _read(self) -> None:
        while octets := self.radio.take(self.name):
            for frame in self._deframer.feed(octets):
                assert not isinstance(frame, Damaged)
                if frame.kind is Kind.DATA:
                    self._take(frame)
            ack = AshFrame(kind=Kind.ACK, acknowledged=self._expected)
            self.radio.feed(self.name, ack.encode(), self.now)

    def _take(self, frame: AshFrame) -> None:
        assert frame.number == self._expected
        self._expected = (self._expected + 1) % NUMBERS
        payload = frame.payload
        number = payload[3] | payload[4] << 8
        layout = self._answers[number]
        values, end = layout.decode(payload, 5)
        self.arrived.append(layout.name)
        assert end == len(payload), f"{layout.name}: {len(payload) - end} octets too many"
        if payload[1] & CALLBACK:
            assert self._answered == payload[0], "a callback bears a number that is not answered"
            self.heard.append((layout.name, values))
        else:
            self._answered = payload[0]
            self._pending[payload[0]] = (layout.name, values)


def plain(fields: Mapping[str, Any], *names: str) -> tuple[Any, ...]:
    """Return some fields, in order."""
    return tuple(fields[name] for name in names)
