"""Let bridges live behind virtual sticks, by bellows, in one process and in virtual time."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import bellows.uart
import pytest

from emulator import Bridge
from emulator.actions import Happening, Report
from emulator.contract import Identity
from emulator.link.chance import stream
from emulator.link.ezsp import Stick, Wish
from emulator.link.realtime import Host
from emulator.link.storage import Storage
from emulator.ncp.radio import StickSpec, VirtualRadio
from emulator.units import HOUR, SECOND, Us
from harness.firmware import FIRST_VERSION
from harness.hub.images import served
from harness.hub.server import Hub
from tests.ncp import parties
from tests.ncp.lines import Lines, connector, run
from tests.ncp.parties import HUB_EUI64, NETWORK_KEY, PARAMETERS, image_of, profile_of


class Town:
    """Be a network with a hub, and the radio whose stick ``dut`` a bridge may live behind."""

    def __init__(self, version: int = 13) -> None:
        self.log: list[str] = []
        radio = VirtualRadio([StickSpec(name="dut", version=version)], log=self.log.append)
        self.radio, self.lines = radio, Lines(radio)
        self.ears = parties.Stick()
        self.ears.place = radio.air.add_stick(self.ears)
        self.ears.hub = self.hub = Hub(eui64=HUB_EUI64)

    def form(self, permit_s: int = 255) -> None:
        """Form the network, and let nodes join for a time."""
        assert self.ears.place.form(PARAMETERS, NETWORK_KEY)
        self.ears.place.permit(permit_s)
        self.lines.settle()

    def act(self, what: Callable[..., object], *values: object) -> None:
        """Do something that the radio is to hear of."""
        what(*values)
        self.lines.settle()

    def serve(self, kind: str, version: int, size: int = 2000, **more: Any) -> None:  # noqa: ANN401
        """Let the hub serve one image for bridges of a kind."""
        self.hub.serve(served(image_of(kind, version, size, **more)))

    @property
    def address(self) -> int | None:
        """Return the address of the bridge on the network."""
        return self.ears.place.address_of(self.radio.sticks["dut"].eui64)

    async def settle(self, kind: str = "B1", **more: Any) -> "Resident":  # noqa: ANN401
        """Let a bridge move in, and switch it on."""
        made = Resident(kind, **more)
        await made.move_in()
        return made


class Resident:
    """Be a bridge behind the stick ``dut``; with a folder it is the one that is kept there."""

    def __init__(
        self, kind: str, folder: Path | None = None, wish: Wish | None = None, port: str = "dut"
    ) -> None:
        self.kind, self.profile, self.log = kind, profile_of(kind), list[str]()
        self.storage = None if folder is None else Storage(folder)
        self.stick = Stick(port, wish or Wish(), self.log.append)
        self.bridge = Bridge(self.profile, stream)
        self.rows: list[tuple[Us, str, object]] = []
        self.host: Host

    async def move_in(self) -> None:
        """Open the stick, be the bridge, have the supply."""
        await self.stick.open()
        profile, storage = self.profile.ota, self.storage
        if storage is not None and not storage.is_new:
            storage.load(self.bridge)
        else:
            identity = Identity(
                eui64=self.stick.eui64,
                manufacturer=profile.manufacturer_code,
                image_type=profile.image_type,
                hardware_version=profile.hardware_version,
            )
            image = image_of(self.kind, FIRST_VERSION, 256)
            self.bridge.factory(identity, image, FIRST_VERSION, 1)
            if storage is not None:
                storage.begin(self.bridge, 1)
        keep = (lambda: None) if storage is None else storage.keep
        self.host = Host(self.bridge, self.stick, self._tap, keep)
        await self.stick.serve(self.host, self.profile)
        self.host.power(True)

    async def move_out(self) -> None:
        """Lose the supply, and let go of everything."""
        self.host.close()
        await self.stick.close()
        if self.storage is not None:
            self.storage.close()

    def _tap(self, now: Us, who: str, what: str, subject: object) -> None:
        self.rows.append((now, what, subject))

    def of(self, what: str) -> list[object]:
        """Return the subjects of the rows of one sort."""
        return [subject for _, each, subject in self.rows if each == what]

    def reports(self, what: Happening) -> list[Report]:
        """Return the bridge's reports of one sort."""
        found = [one for one in self.of("report") if isinstance(one, Report)]
        return [one for one in found if one.what is what]

    @property
    def versions(self) -> list[int | str]:
        """Return the version of each image that has booted."""
        return [dict(one.details)["version"] for one in self.reports(Happening.BOOTED)]

    async def until(self, condition: Callable[[], object], limit_us: Us = HOUR) -> None:
        """Wait for something; fail if it does not come."""
        held = await self.host.until(lambda: bool(condition()), limit_us)
        assert held, [(at / SECOND, what, subject) for at, what, subject in self.rows[-20:]]

    async def until_told(self, what: Happening, limit_us: Us = 24 * HOUR) -> None:
        """Wait for a report of the bridge."""
        await self.until(lambda: self.reports(what), limit_us)


Scene = Callable[[Town], Coroutine[Any, Any, None]]
Play = Callable[..., None]


@pytest.fixture(name="play")
def make_play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """Return what runs a scene in a town."""

    def start(scene: Scene, *, version: int = 13) -> None:
        async def main() -> None:
            town = Town(version)
            connect = connector(town.lines)
            monkeypatch.setattr(bellows.uart.zigpy.serial, "create_serial_connection", connect)
            await scene(town)

        run(main)

    return start
