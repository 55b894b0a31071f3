"""Be a host with our own hub on top: the OTA server of the harness on a stick, in real time.

It forms a network, lets devices join, and serves one image to whoever asks, until it is killed.
Each step is one JSON line on standard output.
"""

import argparse
import json
from pathlib import Path

from emulator.actions import Action, Send
from emulator.units import SECOND
from emulator.wire import zdo
from emulator.wire.aps import ZDO_PROFILE, Datagram
from harness.coordinator.register import Register
from harness.coordinator.session import Session
from harness.hub.communications import CommunicationsHub
from harness.hub.images import served
from harness.hub.settings import Pages, Paging, Settings
from harness.lanes.port import NetworkOptions

#: Application profile of the devices.
HOME_AUTOMATION = 0x0104
#: ZDO requests that the stick answers by itself.
OF_THE_STICK = {zdo.CLUSTERS[zdo.NwkAddressRequest], zdo.CLUSTERS[zdo.IeeeAddressRequest]}
#: How often it looks around where nothing happens, in microseconds.
IDLE_US = SECOND


def tell(event: str, **facts: object) -> None:
    """Print one event."""
    print(json.dumps({"event": event, **facts}), flush=True)


def put(session: Session, actions: "list[Action]") -> None:
    """Send what the hub wants to send."""
    for action in actions:
        if isinstance(action, Send):
            session.send(action.datagram)


def serve(session: Session, hub: CommunicationsHub) -> None:
    """Answer what comes, for ever."""
    while True:
        due = hub.deadline
        now = session.clock_us
        session.wait(IDLE_US if due is None else max(0, min(due - now, IDLE_US)))
        while session.news:
            at, news = session.news.popleft()
            if isinstance(news, Datagram):
                answers = list(hub.receive(news, at))
                if news.profile != ZDO_PROFILE or news.cluster not in OF_THE_STICK:
                    put(session, answers)
        if hub.deadline is not None and hub.deadline <= session.clock_us:
            put(session, list(hub.wake(session.clock_us)))


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="Our own hub on a stick.")
    parser.add_argument("port", help="path of a serial port, or socket://HOST:PORT")
    parser.add_argument("--image", type=Path, action="append", required=True)
    options = parser.parse_args()
    session = Session(options.port, NetworkOptions(), HOME_AUTOMATION, Register(None), lambda: None)
    hub = CommunicationsHub(settings=Settings(encrypt=False, pages=Pages(paging=Paging.SERVED)))
    hub.settings.room = session.longest
    hub.serve(*(served(file.read_bytes()) for file in options.image))
    tell("started", **session.facts)
    session.permit(None, None)
    tell("permitted")
    tell("serving")
    serve(session, hub)


if __name__ == "__main__":
    main()
