"""Make the smallest parties of a virtual network: a gate, a tap, nodes that write down."""

from collections.abc import Sequence
from typing import Any

from emulator.actions import Action, Event, Joined, Receive, Stimulus
from emulator.link.direct import DirectLink
from emulator.link.medium import Medium
from emulator.units import Us
from emulator.wire.aps import Datagram
from emulator.world import World

HUB_ADDRESS, DUT_ADDRESS, OTHER_ADDRESS, LAST_ADDRESS = 0x0000, 0x1A01, 0x1A02, 0x1A09


class Gate:
    """Admit whom it knows."""

    def __init__(self, *addresses: int) -> None:
        self.addresses = dict(enumerate(addresses, 1))

    def admit(self, eui64: int, rejoin: bool) -> Joined | None:
        address = self.addresses.get(eui64)
        return None if address is None else Joined(address=address)


class Tap:
    """Keep every row."""

    def __init__(self) -> None:
        self.rows: list[tuple[Us, str, str, Any]] = []

    def __call__(self, now: Us, who: str, what: str, subject: object) -> None:
        self.rows.append((now, who, what, subject))

    def of(self, what: str) -> list[Any]:
        """Return the subjects of the rows of one sort."""
        return [row[3] for row in self.rows if row[2] == what]


class Node:
    """Write down what reaches it."""

    def __init__(self) -> None:
        self.taken: list[tuple[Us, Stimulus]] = []

    def take(self, stimulus: Stimulus, now: Us) -> None:
        self.taken.append((now, stimulus))

    @property
    def payloads(self) -> list[tuple[Us, bytes]]:
        """Return time and payload of each datagram."""
        return [(at, one.datagram.payload) for at, one in self.taken if isinstance(one, Receive)]


class Air:
    """Be a medium with a hub, a device that faults are counted for, and another node."""

    def __init__(self, latency_us: Us = 100) -> None:
        self.world, self.tap = World(), Tap()
        self.medium = Medium(
            self.world, Gate(DUT_ADDRESS, OTHER_ADDRESS, LAST_ADDRESS), self.tap, "dut", latency_us
        )
        self.nodes: dict[str, Node] = {}
        for name, address in (("hub", HUB_ADDRESS), ("dut", DUT_ADDRESS), ("other", OTHER_ADDRESS)):
            self.add(name, address)

    def add(self, name: str, address: int | None, *, reports: bool = False) -> Node:
        self.medium.attach(name, address, reports=reports)
        self.nodes[name] = node = Node()
        self.world.attach(name, node)
        return node

    def run(self, limit_us: Us = 1_000_000) -> None:
        self.world.run(lambda: False, limit_us)

    def heard(self, name: str) -> list[tuple[Us, bytes]]:
        return self.nodes[name].payloads


def datagram(payload: bytes = b"\x01\x00\x00", **fields: int) -> Datagram:
    made = {
        "source": HUB_ADDRESS,
        "destination": DUT_ADDRESS,
        "source_endpoint": 1,
        "destination_endpoint": 1,
        "profile": 0x0109,
        "cluster": 0x0019,
        **fields,
    }
    return Datagram(payload=payload, **made)


class Machine:
    """Be a device that does what a test tells it, and writes down what is done to it.

    ``answers`` has the actions, or the exception, of the next calls by their name.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, Us]] = []
        self.answers: dict[str, list[Any]] = {}
        self.deadline: Us | None = None

    def _do(self, call: str, now: Us) -> Sequence[Action]:
        self.calls.append((call, now))
        queue = self.answers.get(call)
        answer = queue.pop(0) if queue else ()
        if isinstance(answer, BaseException):
            raise answer
        return answer() if callable(answer) else answer

    def power_on(self, now: Us) -> Sequence[Action]:
        return self._do("power_on", now)

    def power_off(self, now: Us) -> None:
        self.deadline = None
        self._do("power_off", now)

    def receive(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        return self._do("receive", now)

    def wake(self, now: Us) -> Sequence[Action]:
        return self._do("wake", now)

    def event(self, what: Event, now: Us) -> Sequence[Action]:
        return self._do(type(what).__name__, now)


class Bench(Air):
    """Be an air whose device is hosted by a link."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = Machine()
        self.medium.attach("device", None)
        self.link = DirectLink(self.world, self.medium, self.tap, "device", self.machine)

    @property
    def calls(self) -> list[str]:
        return [call for call, _ in self.machine.calls]
