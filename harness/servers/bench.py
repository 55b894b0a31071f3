"""Put one server on one bench: the client that a case speaks for, and what the server must have.

What a case knows of the server it knows from the air. What it must have of it (an image with a
hardware range, pages, a notify) it asks the bench for: our own hub is set so, of another server the
tester has said it, or the case is unsupported.
"""

from collections.abc import Sequence
from dataclasses import replace

from emulator.faults import FrameFault
from emulator.profiles.model import Profile
from emulator.units import MILLISECOND, MINUTE, Us
from emulator.wire import ota, zcl, zdo
from emulator.wire.aps import (
    BROADCAST_RX_ON,
    ZDO_ENDPOINT,
    ZDO_PROFILE,
    Datagram,
)
from emulator.wire.codec import Frame
from emulator.wire.ota import Status
from emulator.wire.ota_file import OtaHeader, SpecialType
from harness.firmware import NEXT_VERSION, Made, filler
from harness.hub.images import Served, served
from harness.hub.lies import Edit
from harness.hub.server import Hub
from harness.hub.settings import Pages, Paging
from harness.servers import requests
from harness.servers.conversation import Conversation, in_seconds
from harness.servers.player import Heard
from harness.servers.reach import Reach, ServerOptions
from harness.servers.reading import data_of, status_of
from harness.verdict import Inconclusive, Unsupported

#: The one Image Notify that every reading obeys.
NOTIFY = ota.ImageNotify(payload_type=ota.NotifyType.JITTER, query_jitter=100)
#: Octets of the firmware in the images that the harness makes.
_SIZE = 900
#: What radios and hosts may be early or late, of one gap between two frames on the air.
_JITTER_US: Us = 30 * MILLISECOND
#: On the air a case that repeats itself does so this much less often.
_SPARING = 4
#: General command of a client: no answer wanted.
_GENERAL = 0x10


class ServerBench(Conversation):
    """Judge one server: speak for a client, and have the server as a case needs it."""

    def __init__(self, profile: Profile, reach: Reach, options: ServerOptions) -> None:
        super().__init__(profile, reach, options)
        self._offered: Served | None = None
        self._made = Made(profile, NEXT_VERSION - 1, NEXT_VERSION, filler)
        self.find()

    def close(self) -> None:
        """End what this case began; the next one waits for what follows."""
        self.drain()
        self._leave_session()

    # What the server must be like.

    @property
    def hub(self) -> Hub:
        """Return the server where it is our own hub, to be set as a case needs it.

        Raises:
            Unsupported: It is somebody else's.
        """
        if self._reach.hub is None:
            raise Unsupported("needs a server that the harness can set: ours alone is one")
        return self._reach.hub

    @property
    def held(self) -> Sequence[Served]:
        """Return every image that the server held, in order."""
        if self._reach.hub is not None:
            return self._reach.hub.history
        return [served(one) for one in self._options.images]

    def states(self, item: str) -> bool:
        """Tell whether the server states a PICS item; our own hub is made to have what it can.

        Raises:
            Unsupported: Its tester says nothing about it.
        """
        said = self._options.statements().get(item)
        if said is None and self._reach.hub is None:
            raise Unsupported(f"nothing is said about {item}: --supports or --lacks it")
        return said is not False

    def need(self, item: str) -> None:
        """Make the case unsupported where the server does not state a PICS item."""
        if not self.states(item):
            raise Unsupported(f"the server has no {item}")

    def need_no_own_files(self) -> None:
        """Make the case unsupported where the server has files for single devices."""
        if any(one.of_one_device for one in self.held):
            raise Unsupported("the server has files for single devices")

    def need_pages(self, *, served: bool) -> None:
        """Have a server that serves pages, or one that does not."""
        hub, item = self._reach.hub, "OTA.SERVER.PAGE"
        either = hub is not None and item not in self._options.statements()
        if not either and self.states(item) is not served:
            raise Unsupported(f"the server has {'no ' if served else ''}{item}")
        if hub is not None:
            paging = Paging.SERVED if served else Paging.REFUSED
            hub.settings.pages = Pages(paging=paging)

    def need_rate(self, period: int) -> None:
        """Have a server that changes the client's rate, our own hub to ``period``."""
        self.need("OTA.SERVER.RATE")
        if self._reach.hub is not None:
            self._reach.hub.settings.block_period = period

    def offering(self, *, versions: int = 1, ranged: bool = False) -> Served:
        """Have a server that answers the next query with an offer, and return what it offers.

        A server that serves on request has begun by itself, or is waited for.

        Args:
            versions: How many versions of the image the server must hold.
            ranged: Whether it must be for a range of hardware versions.

        Returns:
            The highest version that it holds.

        Raises:
            Unsupported: No file that the tester gave is so.
            Inconclusive: The server has not begun.
        """
        self._offered = self._image(versions, ranged)
        self._make_ready()
        return self._offered

    def session(self) -> Served:
        """Have a server that serves blocks, and return what it serves.

        A server that serves on request has been asked for it by an honest query.

        Raises:
            Inconclusive: The server has not begun, or offers nothing.
        """
        image = self.offering()
        if self._options.on_request and self.offer(requests.fitting(image)) is not Status.SUCCESS:
            raise Inconclusive("the server did not offer its image to the device that it is for")
        return image

    def own_file(self) -> Served:
        """Have a server with a file for this client alone, and return that.

        Raises:
            Unsupported: No file that the tester gave is so.
        """
        hub = self._reach.hub
        if hub is not None and not self._options.images:
            octets = self._made.image(NEXT_VERSION, size=_SIZE, destination=self.eui64)
            header, behind = OtaHeader.decode_at(octets, 0)
            special = replace(header, image_type=SpecialType.CLIENT_CREDENTIALS)
            hub.serve(*hub.images, served(special.encode() + octets[behind:]))
        mine = [
            one
            for one in self.held
            if one.of_one_device and one.destination == self.eui64 and one.file_version
        ]  # of version 0 there is none before that a device could have
        if not mine:
            raise Unsupported(f"needs a file for 0x{self.eui64:016X} alone: --image one")
        return max(mine, key=lambda one: one.file_version)

    def _make_ready(self) -> None:
        """Wait until a server that serves on request has begun, and its session is not yet open."""
        if not self._options.on_request:
            return
        self._leave_session()
        limit_us = self._options.begin_us
        if not self.run(self._has_begun, limit_us):
            found = f"no Image Notify in {in_seconds(limit_us)}"
            raise Inconclusive(f"the server did not begin: {found}")
        self.drain()

    def _has_begun(self) -> bool:
        """Tell whether the server has begun since the last query that it answered."""
        since = self._reach.player.heard[self._reach.queried :]
        return any(isinstance(one.frame, ota.ImageNotify) for one in since)

    def _leave_session(self) -> None:
        """End an open session as a device does, refused or restarted, if the server has not."""
        was_open, self._reach.open = self._reach.open, False
        if not self._options.on_request or not was_open or self._has_begun():
            return
        self._say_zdo(
            zdo.DeviceAnnounce(
                sequence=self.next_sequence(),
                address=self.address,
                eui64=self.eui64,
                capability=zdo.Capability.RX_ON_WHEN_IDLE | zdo.Capability.FULL_FUNCTION_DEVICE,
            ),
            BROADCAST_RX_ON,
        )
        if self._offered is not None:
            self.say(requests.end(self._offered, Status.ABORT))

    def _image(self, versions: int, ranged: bool) -> Served:
        if self._reach.hub is not None and not self._options.images:
            self.hub.serve(*(self._build(NEXT_VERSION + step, ranged) for step in range(versions)))
            return self.hub.images[-1]
        held = [one for one in map(served, self._options.images) if not one.of_one_device]
        if not held:
            raise Unsupported("needs an image for every device of a kind: --image one")
        newest = max(held, key=lambda one: one.file_version)
        ids = (newest.manufacturer, newest.image_type)
        if sum((one.manufacturer, one.image_type) == ids for one in held) < versions:
            raise Unsupported(f"needs {versions} versions of one image: --image each of them")
        if ranged and newest.minimum_hardware is None:
            raise Unsupported("needs an image with a range of hardware versions: --image one")
        return newest

    def _build(self, version: int, ranged: bool) -> Served:
        own = self.profile.ota.hardware_version
        limits = (own - 1, own + 1) if ranged else (own, own)
        return served(self._made.image(version, size=_SIZE, hardware=limits))

    @staticmethod
    def hardware(image: Served) -> tuple[int, int]:
        """Return the lowest and the highest hardware version that an image is for.

        Raises:
            Unsupported: It names none, or leaves none out below or above.
        """
        low, high = image.minimum_hardware, image.maximum_hardware
        if low is None or high is None or low == 0 or high == 0xFFFF:
            raise Unsupported("needs an image that is not for the lowest and highest hardware")
        return low, high

    # What a client does.

    def query(self, query: Frame, *edits: Edit, sequence: int | None = None) -> Heard | None:
        """Query, and return the answer; a server that serves on request begins anew for it."""
        self._make_ready()
        return self.ask(query, *edits, sequence=sequence)

    def ask(
        self, request: Frame | bytes, *edits: Edit, sequence: int | None = None
    ) -> Heard | None:
        """Send a request and return the first answer; an offer opens a session."""
        before = self.mark.heard
        heard = super().ask(request, *edits, sequence=sequence)
        if heard is not None and isinstance(heard.frame, ota.QueryNextImageResponse):
            self._reach.queried = before
            self._reach.open = status_of(heard) is Status.SUCCESS
        return heard

    def offer(self, query: Frame) -> Status | int | None:
        """Query, and return the status of the answer; None if none comes.

        A Default Response with SUCCESS is none: it offers nothing.
        """
        heard = self.query(query)
        status = status_of(heard)
        is_offer = heard is not None and isinstance(heard.frame, ota.QueryNextImageResponse)
        return None if status is Status.SUCCESS and not is_offer else status

    def octets(self, request: Frame, *edits: Edit) -> bytes:
        """Ask for a block and return its octets; none if the answer carries none."""
        return data_of(self.ask(request, *edits))

    def begin_download(self, image: Served) -> bytes:
        """Query, ask for the first block, and return its octets."""
        self.offer(requests.fitting(image))
        return self.octets(requests.block(image))

    def download(self, image: Served, *, most: int, twice_each: int) -> bytes:
        """Ask for a file block by block, and return what came.

        Args:
            image: The file.
            most: Octets of one request.
            twice_each: Every so many blocks one is asked for twice, and the second answer counts.
        """
        made, blocks = b"", 0
        while len(made) < len(image.octets):
            request = requests.block(image, len(made), most=most)
            data, blocks = self.octets(request), blocks + 1
            if blocks % twice_each == 0:
                data = self.octets(request)
            if not data:
                break
            made += data
        return made

    def complain(self, *, about: int, status: Status) -> None:
        """Send a Default Response to a command of the server's.

        Args:
            about: Command id.
            status: What it says of it.
        """
        frame = zcl.DefaultResponse(command=about, status=status)
        command = zcl.GeneralCommand.DEFAULT_RESPONSE
        self.say(zcl.pack_header(_GENERAL, self.next_sequence(), command) + frame.encode())

    def rounds(self, wanted: int) -> int:
        """Return how often a case repeats itself: on the air each time costs real time."""
        return wanted if self._reach.virtual else wanted // _SPARING

    def spacing_us(self, wanted_us: Us) -> Us:
        """Return the shortest gap that keeps a spacing, beside what the air may change of it."""
        return wanted_us if self._reach.virtual else wanted_us - _JITTER_US

    # Discovery.

    def discover(self, *, broadcast: bool = True) -> zdo.MatchDescriptorResponse | None:
        """Look for an OTA server with Match_Desc_req, as clients do; None if none answers."""
        to = BROADCAST_RX_ON if broadcast else self.place.address
        request = zdo.MatchDescriptorRequest(
            sequence=self.next_sequence(),
            address=to,
            profile=self.profile.ota.zigbee_profile,
            input_clusters=(ota.CLUSTER,),
            output_clusters=(),
        )
        before = len(self.heard_of(zdo.MatchDescriptorResponse))
        self._say_zdo(request, to)
        self.run(
            lambda: len(self.heard_of(zdo.MatchDescriptorResponse)) > before, self._patience_us()
        )
        return next(iter(self.heard_of(zdo.MatchDescriptorResponse)[before:]), None)

    def _say_zdo(self, frame: Frame, to: int) -> None:
        self._reach.say(
            Datagram(
                source=self.address,
                destination=to,
                source_endpoint=ZDO_ENDPOINT,
                destination_endpoint=ZDO_ENDPOINT,
                profile=ZDO_PROFILE,
                cluster=zdo.CLUSTERS[type(frame)],
                payload=frame.encode(),
            )
        )

    def find(self) -> None:
        """Note where the server is; where discovery finds none, endpoint 1 of the coordinator."""
        if self.place.found:
            return
        answer = self.discover()
        if answer is not None and answer.endpoints:
            self.place.address, self.place.endpoint = answer.address, answer.endpoints[0]
        self.place.found = True

    # What happens around.

    def plan(self, *faults: FrameFault) -> None:
        """Set the frame faults that are to come; each counts from now."""
        self._reach.plan(faults)

    def restart_server(self) -> None:
        """Let the server lose its memory of who is doing what, as a restart does."""
        self.hub.crash()
        self.hub.restart()
        self._reach.refresh()

    def announce(self, *, broadcast: bool = False) -> None:
        """Have the server send an Image Notify, whoever hears it.

        Raises:
            Unsupported: It is not our own hub.
        """
        self._reach.announce(NOTIFY, broadcast=broadcast)

    def notify(self, *, broadcast: bool = False) -> Datagram:
        """Have the server send an Image Notify, and return it as the client heard it.

        Raises:
            Unsupported: The server is not known to send one.
            AssertionError: It is, and sent none.
        """
        self.need("OTA.SERVER.NOTIFY")
        before = len(self._notifies(broadcast))
        if self._reach.hub is not None:
            self.announce(broadcast=broadcast)
        limit_us = MINUTE if self._reach.virtual else self._options.begin_us
        if not self.run(lambda: len(self._notifies(broadcast)) > before, limit_us):
            how = "broadcast" if broadcast else "unicast"
            raise AssertionError(f"no {how} Image Notify in {in_seconds(limit_us)}")
        return self._notifies(broadcast)[before].datagram

    def _notifies(self, broadcast: bool) -> Sequence[Heard]:
        return [
            one
            for one in self.heard
            if isinstance(one.frame, ota.ImageNotify) and one.datagram.broadcast is broadcast
        ]
