"""Let one emulated bridge live on a ZigBee network, behind an EZSP stick, in real time."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from emulator import Bridge
from emulator.actions import Joined, Report
from emulator.contract import Identity
from emulator.errors import StateError
from emulator.link.chance import derive, stream
from emulator.link.ezsp import Stick
from emulator.link.medium import Tap
from emulator.link.realtime import Host
from emulator.link.storage import Storage
from emulator.ncp.bridges import Listener, Story, What
from emulator.units import HOUR, Us
from emulator.wire import ota
from emulator.wire.aps import Datagram
from harness.cli.emulate_record import Record, remember
from harness.cli.radio_output import Voice

#: A bridge lives until somebody ends it: ten years are more than that.
FOR_EVER_US: Us = 10 * 365 * 24 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Make:
    """Say which bridge it is, and what leaves the factory if none is kept yet."""

    record: Record
    image: bytes = b""
    version: int = 0
    seed: int


class Teller:
    """Tell the story of the one bridge, as the virtual radio tells those of its own."""

    def __init__(self, name: str, listener: Listener, trace: Tap | None) -> None:
        self._story, self._trace = Story(name, listener), trace
        self._again = False

    def tap(self, now: Us, who: str, what: str, subject: object) -> None:
        """Hear what happens, and tell what is worth a line."""
        story = self._story
        if self._trace is not None:
            self._trace(now, who, what, subject)
        match what, subject:
            case "send", Datagram(cluster=ota.CLUSTER):
                story.sent(subject, now)
            case "receive", Datagram(cluster=ota.CLUSTER):
                story.heard(subject, now)
            case "report", Report():
                story.reported(subject, now)
            case "join", _:
                self._again = subject == "again"
            case "joined", Joined(address=address):
                story.tell(now, What.REJOINED if self._again else What.JOINED, address=address)
            case "left", _:
                story.tell(now, What.LEFT)
            case "dead", _:
                story.tell(now, What.DEAD, why=str(subject))
            case _:
                pass


def live(port: str, make: Make, folder: Path | None, voice: Voice, trace: Tap | None) -> None:
    """Run a bridge until a signal ends it.

    Args:
        port: Where the stick is.
        make: The bridge.
        folder: Keeps its flash, and how it was made; None: nothing does.
        voice: Says what happens.
        trace: Who hears everything.

    Raises:
        LinkError: The stick or the folder cannot be used, or the stick failed.
        StateError: What the folder keeps is damaged, or another bridge.
        KeyboardInterrupt: It was Ctrl-C: the bridge lost its supply at that moment.
        SystemExit: The bridge is dead.
    """
    with ExitStack() as stack:
        storage = None
        if folder is not None:
            storage = Storage(folder)
            stack.callback(storage.close)
            remember(folder, make.record)
        if asyncio.run(_live(port, make, storage, voice, trace)):
            raise KeyboardInterrupt


async def _live(
    port: str, make: Make, storage: Storage | None, voice: Voice, trace: Tap | None
) -> bool:
    """Return whether it was Ctrl-C that ended it."""
    profile = make.record.profile
    stick = Stick(port, make.record.wish, voice.log)
    await stick.open()
    host = None
    try:
        voice.opened(port, stick.eui64, stick.version)
        bridge = _bridge(make, storage, stick.eui64)
        teller = Teller(profile.name, voice.happened, trace)
        host = Host(bridge, stick, teller.tap, _nothing if storage is None else storage.keep)
        await stick.serve(host, profile)
        return await _until_a_signal(host)
    finally:
        if host is not None:
            host.close()  # nothing is said, nothing is written: the supply is gone
        await stick.close()


def _nothing() -> None:
    """Keep nothing."""


def _bridge(make: Make, storage: Storage | None, eui64: int) -> Bridge:
    """Return the bridge that is kept, or a new one."""
    profile = make.record.profile
    bridge = Bridge(profile, stream)
    if storage is not None and not storage.is_new:
        storage.load(bridge)
        if bridge.identity is not None and bridge.identity.eui64 != eui64:
            kept = bridge.identity.eui64
            raise StateError(
                f"{storage.folder}: found the bridge of stick {kept:016X}, this is {eui64:016X}:"
                " wanted the stick whose keys it joined with"
            )
        return bridge
    ota_profile = profile.ota
    identity = Identity(
        eui64=eui64,
        manufacturer=ota_profile.manufacturer_code,
        image_type=ota_profile.image_type,
        hardware_version=ota_profile.hardware_version,
    )
    seed = derive(make.seed, profile.name)
    bridge.factory(identity, make.image, make.version, seed)
    if storage is not None:
        storage.begin(bridge, seed)
    return bridge


async def _until_a_signal(host: Host) -> bool:
    caught: list[signal.Signals] = []
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, _catcher(host, caught, each))
    try:
        host.power(True)
        await host.until(lambda: bool(caught or host.dead), FOR_EVER_US)
    finally:
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)
    if not caught:
        raise SystemExit(1)
    return caught[0] is signal.SIGINT


def _catcher(host: Host, caught: list[signal.Signals], which: signal.Signals) -> Callable[[], None]:
    def catch() -> None:
        caught.append(which)
        host.nudge()

    return catch
