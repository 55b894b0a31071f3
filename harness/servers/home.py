"""Judge a Communications Hub: what a home's devices see of it, and what it says of their transfers.

Only our own hub can be judged so: what its user tells it, and what it reports, does not pass the
home's network. What a case asserts of a report is what the hub wrote down, and says so.
"""

import base64
from collections import deque
from dataclasses import replace

from emulator.actions import Joined
from emulator.profiles.model import Profile
from emulator.units import HOUR, SECOND, Octets, Us
from emulator.wire import ota, subghz, zcl
from emulator.wire.air import air_octets
from emulator.wire.aps import ApsOptions, Datagram
from emulator.wire.ota import Status
from emulator.wire.ota_file import OtaHeader
from harness.capture import PAN_ID
from harness.firmware import NEXT_VERSION
from harness.hub.admission import Entry
from harness.hub.airtime import Airtime, Thresholds
from harness.hub.communications import CommunicationsHub
from harness.hub.images import Served, served
from harness.hub.intake import FirmwareRequest
from harness.hub.transfers import TransferReport
from harness.servers import requests
from harness.servers.bench import ServerBench
from harness.servers.player import Heard
from harness.servers.reach import Reach, ServerOptions
from harness.servers.reading import data_of
from harness.verdict import Unsupported

#: Cluster of Time, which clients read from their hub.
_TIME = 0x000A
#: Frame control of a general command to a server.
_GENERAL = 0x00
#: Octets around a frame as captures show it: preamble, delimiter and PHY header, frame check
#: sequence, security header and check value of the NWK layer; with those of the APS layer.
_SECURED: Octets = 12 + 2 + 14 + 4
_SECURED_BY_APS: Octets = _SECURED + 5 + 4


class Home(ServerBench):
    """Judge one Communications Hub with the devices of one home."""

    def __init__(self, profile: Profile, reach: Reach, options: ServerOptions) -> None:
        if reach.hub is None:
            raise Unsupported("judges our own hub: what it reports does not pass the air")
        super().__init__(profile, reach, options)

    @property
    def hub(self) -> CommunicationsHub:
        """Return the hub, to be told what its user tells it."""
        hub = super().hub
        if not isinstance(hub, CommunicationsHub):
            raise TypeError(f"hub: found {type(hub).__name__}, wanted CommunicationsHub")
        return hub

    @property
    def reports(self) -> list[TransferReport]:
        """Return what the hub reported so far, in order."""
        return list(self.hub.transfers.reports)

    # Who is in it.

    def enlist(self, eui64: int, *, window_us: Us | None = None) -> Entry:
        """Have a device entered into the device log; return its entry."""
        entry = self.hub.enlist(eui64, self.now, window_us=window_us)
        self._reach.refresh()
        return entry

    def strike(self) -> None:
        """Have this client removed from the device log and put out of the network."""
        self.hub.strike(self.eui64, self.now)
        self._reach.dismiss()

    @property
    def historic(self) -> list[tuple[int, bytes]]:
        """Return the historic log: EUI-64 and link key of each device that was removed."""
        log = self.hub.admission
        return [] if log is None else list(log.historic)

    def rejoin(self) -> Joined | None:
        """Restart this client, and return what the network tells it; None: it is refused."""
        return self._reach.player.admissions[-1] if self._reach.join() else None

    def newcomer(self, eui64: int) -> Reach:
        """Return a device that has never been here, off."""
        return self._reach.neighbour(eui64)

    def neighbour(self, eui64: int) -> "Home":
        """Return another client of the hub's, on the network."""
        return Home(self.profile, self._reach.neighbour(eui64), self._options)

    # What is served.

    def request(self, image: bytes, *, version: int, devices: int = 1) -> str:
        """Send a firmware request; return why the hub does not take it, nothing if it does.

        Args:
            image: The file.
            version: What the request says that it is.
            devices: For how many devices it is.
        """
        ids = tuple(range(self.eui64, self.eui64 + devices))
        whole = base64.b64encode(image)
        return self.hub.take(FirmwareRequest(image=whole, version=version, devices=ids))

    def image(self, version: int) -> Served:
        """Make an image of a version for this client."""
        return self._build(version, ranged=False)

    def padded(self, size: Octets) -> Served:
        """Make a file of a size; what stands behind its header is of no use to a device."""
        header, _ = OtaHeader.decode_at(self.image(NEXT_VERSION).octets, 0)
        return served(replace(header, total_size=size).encode().ljust(size, b"\0"))

    def large(self, payload: Octets) -> Served:
        """Have the hub serve an image with so much firmware, and return it."""
        image = served(self._made.image(NEXT_VERSION, size=payload))
        self.hub.serve(image)
        return image

    # What the air allows.

    def budget(self, thresholds: Thresholds, *, suspend_min: int = 5) -> None:
        """Put the hub on a band with a duty cycle."""
        self.hub.airtime = Airtime(thresholds, suspend_min)

    def wait_told(self, request: ota.ImageBlockRequest) -> int:
        """Ask for a block; return for how many seconds the hub has it waited for, 0 if not."""
        return _pause_s(self.ask(request))

    def download_obeying(self, image: Served) -> bytes:
        """Ask for a file block by block, wait whenever told to, and return what came."""
        made = b""
        while len(made) < len(image.octets):
            heard = self.ask(requests.block(image, len(made)))
            data, pause_s = data_of(heard), _pause_s(heard)
            if not data and not pause_s:
                break
            made += data
            self.wait(pause_s * SECOND)
        return made

    def read_time(self) -> None:
        """Ask the hub for the time, as clients do between two blocks."""
        self._say_elsewhere(_TIME, zcl.GeneralCommand.READ_ATTRIBUTES, bytes(2))

    def answer_suspension(self, times: int) -> None:
        """Answer a Suspend ZCL Messages with Default Response, as stacks do, so many times."""
        done = zcl.DefaultResponse(command=0, status=zcl.Status.SUCCESS).encode()
        for _ in range(times):
            self._say_elsewhere(subghz.CLUSTER, zcl.GeneralCommand.DEFAULT_RESPONSE, done)

    def _say_elsewhere(self, cluster: int, command: int, payload: bytes) -> None:
        header = zcl.pack_header(_GENERAL, self.next_sequence(), command)
        said = self._datagram(replace(self._draft(header + payload, 0), cluster=cluster))
        self._reach.say(said)

    @property
    def suspensions(self) -> list[int]:
        """Return the minutes of each Suspend ZCL Messages that this client heard, in order."""
        return [one.period_min for one in self.heard_of(subghz.SuspendZclMessages)]

    def busiest_hour_us(self) -> Us:
        """Return the most airtime that the hub used in any hour, by the frames that went out.

        It is measured on the frames as a sniffer has them, and not by the hub's own books.
        """
        hour: deque[tuple[Us, Us]] = deque()
        used = most = 0
        for at, _, datagram in self.trace.datagrams():
            if datagram.source != self.place.address:
                continue
            hour.append((at, on_air_us(datagram)))
            used += hour[-1][1]
            while hour[0][0] <= at - HOUR:
                used -= hour.popleft()[1]
            most = max(most, used)
        return most


def _pause_s(heard: Heard | None) -> int:
    frame = None if heard is None else heard.frame
    if not isinstance(frame, ota.ImageBlockResponse) or frame.status is not Status.WAIT_FOR_DATA:
        return 0
    return (frame.request_time_s or 0) - (frame.current_time_s or 0)


def on_air_us(datagram: Datagram) -> Us:
    """Return how long a datagram's frame takes at 100 kb/s, with what secures it."""
    secured = _SECURED_BY_APS if datagram.options & ApsOptions.ENCRYPT else _SECURED
    octets = len(air_octets(datagram, PAN_ID, mac_sequence=0, nwk_sequence=0)) + secured
    return octets * 8 * SECOND // 100_000
