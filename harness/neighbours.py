"""Make the other nodes of a network: a second hub, a stranger. Each is a hub of its own."""

from collections.abc import Iterator
from contextlib import contextmanager

from emulator.errors import LinkError
from emulator.units import MILLISECOND, Us
from emulator.wire import zdo
from harness.hub.lies import Late, Lie
from harness.hub.server import Hub
from harness.hub.settings import Settings
from harness.lanes.port import Lane
from harness.verdict import Unsupported

#: NWK addresses and EUI-64s of other nodes begin here; devices join far below.
FIRST_ADDRESS = 0x2B01
FIRST_EUI64 = 0x00124B00_4F544801
#: How much later the hub answers discovery where a second one is to be the first.
HEAD_START_US: Us = 50 * MILLISECOND


@contextmanager
def unsupported() -> Iterator[None]:
    """Make the case unsupported where the lane cannot do something."""
    try:
        yield
    except LinkError as error:
        raise Unsupported(str(error)) from None


def add_neighbour(hub: Hub, lane: Lane, *, silent: bool) -> Hub:
    """Attach another hub to the network of a first one, with no images.

    They share the network: who is on it, which endpoints devices use, the frame counters.

    Raises:
        Unsupported: The lane has no node to give.
    """
    hub.neighbours += 1
    number = hub.neighbours
    made = Hub(
        eui64=FIRST_EUI64 + number,
        address=FIRST_ADDRESS + number,
        settings=Settings(encrypt=hub.settings.encrypt, silent=silent),
        members=hub.members,
        peers=hub.peers,
        rng=hub.rng,
        counter=hub.counter,
    )
    name = f"{'stranger' if silent else 'hub'} {made.address:#06x}"
    with unsupported():
        lane.attach(name, made.address, made)
    return made


def let_first(hub: Hub) -> None:
    """Let a hub answer discovery late, so that another one is the first."""
    hub.lies.append(Lie(zdo.MatchDescriptorResponse, [Late(HEAD_START_US)]))
