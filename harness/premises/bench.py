"""Put a home on a bench: what a case does in it, as hub, fitter, supplier or stranger."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from emulator.actions import Content, Tunnelled
from emulator.units import HOUR, MINUTE, SECOND, Octets, Us
from emulator.wire import ota, zcl
from emulator.wire.aps import ApsOptions, Datagram
from emulator.wire.codec import KEYS
from emulator.wire.manifest import Trait
from harness.absence import Absence
from harness.inquiry import put
from harness.lanes.port import never
from harness.premises.conductor import Conductor
from harness.premises.distributor import Distributor
from harness.premises.household import Household, image_for
from harness.premises.model import Premises
from harness.premises.outcome import Outcome
from harness.premises.plan import Plan, Speech, Wish, read_order
from harness.premises.view import SILENT, View
from harness.trace import Trace

#: Octets of the firmware in the images that are offered: some thirty blocks.
IMAGE_OCTETS: Octets = 1000
#: What most images do: nothing beside what is right.
_SOUND = Trait(0)
#: Frame control of a command from the client.
TO_SERVER = 0x01
#: The Image Notify that every reading obeys.
NOTIFY = ota.ImageNotify(payload_type=ota.NotifyType.JITTER, query_jitter=100)


class HomeBench(View):
    """Judge one home: live in it as its hub, its fitter and its supplier do.

    Attributes:
        absences: Always empty: no case of a home measures a silence against a control.
    """

    def __init__(
        self,
        premises: Premises,
        *,
        seed: int,
        defects: Mapping[str, str],
        hub: type[Distributor] = Distributor,
        conductor: type[Conductor] = Conductor,
        offered: Mapping[str, bytes] | None = None,
        speaks: Mapping[str, Speech] | None = None,
    ) -> None:
        """Make a home in which everything is off.

        Args:
            premises: What it is.
            seed: Decides all chance.
            defects: The defect of each bridge that has one.
            hub: Who plays the hub.
            conductor: Who carries out plans.
            offered: The image for each bridge; None: a good one for each.
            speaks: Link protocols of the factory's images, where the home's links say otherwise.
        """
        trace = Trace()
        household = Household(
            premises,
            images=images_for(premises) if offered is None else offered,
            seed=seed,
            defects=defects,
            trace=trace,
            hub=hub,
            speaks=speaks,
        )
        super().__init__(premises, household, trace)
        self._conductor = conductor
        self.absences: list[Absence] = []

    # What is done in it.

    def start(self) -> None:
        """Switch everything on.

        Raises:
            AssertionError: A bridge does not come up, or the hub cannot read what it runs.
        """
        if not self.household.start():
            silent = [name for name, version in self.versions().items() if version == SILENT]
            raise AssertionError(f"{', '.join(silent) or 'a link'} did not come up")

    def wait(self, for_us: Us) -> None:
        """Let virtual time pass."""
        self.household.run(never, for_us)

    def run(self, until: Callable[[], bool], limit_us: Us = HOUR) -> bool:
        """Let virtual time pass until something holds; tell whether it did in time."""
        return self.household.run(until, limit_us)

    def power(self, name: str, on: bool) -> None:
        """Raise or cut the supply of a node."""
        self.household.power(name, on)

    def interrupt(self, name: str, for_us: Us = SECOND) -> None:
        """Cut the supply of a node for a time."""
        self.power(name, False)
        self.wait(for_us)
        self.power(name, True)

    def interrupt_often(self, name: str, times: int, *, every_us: Us) -> None:
        """Cut the supply of a node so often, for a second each time."""
        for _ in range(times):
            self.wait(every_us)
            self.interrupt(name)

    def on_trial(self, name: str) -> bool:
        """Tell whether a bridge says that its image is on trial: this is the time for an attack."""
        return self.household.chronicle.records[name].on_trial

    def charge(self, name: str, percent: int) -> None:
        """Let the battery of a bridge have this charge, in percent."""
        self.household.lane.charge(name, percent)

    def cut_link(self, remote: str) -> None:
        """Let the link between the near bridge and a remote one carry nothing."""
        self.household.lane.set_up((self.near, remote), False)

    def mend_link(self, remote: str) -> None:
        """Let it carry everything again."""
        self.household.lane.set_up((self.near, remote), True)

    def intrude(self, at: str, seeming: str, protocol: int, content: Content) -> None:
        """Put a frame on the link to a bridge as if a peer had sent it."""
        lane = self.household.lane
        frame = Tunnelled(eui64=lane.eui64(seeming), protocol=protocol, content=content)
        lane.tell(at, frame)

    def broadcast(self) -> None:
        """Let the hub send an Image Notify to everybody."""
        put(self.household.lane, self.hub.tell(NOTIFY, 0, broadcast=True, now=self.now))

    def remind(self, name: str) -> None:
        """Let the hub tell a bridge again of its image."""
        self.household.notify(name)

    def flood(self, name: str, *, for_us: Us, gap_us: Us) -> None:
        """Let the hub send a bridge blocks that it never asked for, one in each ``gap_us``."""
        image = self.household.images[name]
        block = ota.ImageBlockResponse(
            status=ota.Status.SUCCESS,
            manufacturer=image.manufacturer,
            image_type=image.image_type,
            file_version=image.file_version,
            file_offset=0,
            data=image.octets[:60],
        )
        to, copies = self.household.address(name), for_us // gap_us
        put(
            self.household.lane,
            self.hub.storm(block, to, copies=copies, gap_us=gap_us, now=self.now),
        )

    def question(self, name: str, sequence: int = 0) -> Datagram:
        """Return the query of a bridge for its next image, as it would send it."""
        profile = self.premises.bridge(name).profile.ota
        query = ota.QueryNextImageRequest(
            control=ota.QueryControl(0),
            manufacturer=profile.manufacturer_code,
            image_type=profile.image_type,
            file_version=self.household.first_versions[name],
        )
        number = KEYS[ota.QueryNextImageRequest].command
        return Datagram(
            source=self.household.address(name),
            destination=self.hub.address,
            source_endpoint=profile.endpoint,
            destination_endpoint=self.hub.settings.endpoint,
            profile=profile.zigbee_profile,
            cluster=ota.CLUSTER,
            payload=zcl.pack_header(TO_SERVER, sequence, number) + query.encode(),
            options=int(ApsOptions.ACKNOWLEDGE | ApsOptions.ENCRYPT),
        )

    def flag_firmware(self, name: str) -> None:
        """Let the hub have firmware for a sleepy meter."""
        self.hub.flag_firmware(self.household.lane.eui64(name))

    def keep_message(self, name: str, octets: bytes) -> None:
        """Let the hub keep a message until its device fetches it, for a day at most."""
        self.hub.keep_message(self.household.lane.eui64(name), octets, self.now)
        self.household.lane.refresh()

    def offer(self, *names: str) -> None:
        """Offer these bridges their images, and no others."""
        self.household.offer(*names)

    def plan(
        self, order: str | None = None, *, together: bool = False, anyway: bool = False
    ) -> Plan:
        """Return the plan for a wish; ``order`` is as ``--order`` takes it."""
        steps = None if order is None else read_order(order)
        return self.household.plan(Wish(order=steps, together=together, anyway=anyway))

    def upgrade(
        self, order: str | None = None, *, together: bool = False, anyway: bool = False
    ) -> Outcome:
        """Upgrade the home by the plan for a wish, and say how it went."""
        plan = self.plan(order, together=together, anyway=anyway)
        return self.household.upgrade(plan, conductor=self._conductor)

    def reaches(self, name: str, limit_us: Us = HOUR) -> bool:
        """Read what a bridge runs once a minute, until it is what it was offered."""
        deadline, wanted = self.now + limit_us, self.household.images[name].file_version
        while (found := self.version(name) == wanted) is False and self.now < deadline:
            self.wait(MINUTE)
        return found


def talkative(premises: Premises, period_us: Us) -> Premises:
    """Return a home whose devices talk that often, one try each time, as while they are fitted."""
    return replace(
        premises,
        devices=tuple(
            replace(one, period_us=period_us, tries=1, timeout_us=min(one.timeout_us, period_us))
            for one in premises.devices
        ),
    )


def images_for(
    premises: Premises,
    *names: str,
    speaks: Speech | None = None,
    size: Octets = IMAGE_OCTETS,
    traits: Trait = _SOUND,
) -> dict[str, bytes]:
    """Return a good image for each of some bridges of a home, of all for no name.

    Args:
        premises: The home.
        names: The bridges.
        speaks: Lowest and highest link protocol; None: as the bridges speak now.
        size: Octets of the firmware.
        traits: What a processor does when it runs it.
    """
    return {
        name: image_for(
            premises.bridge(name).profile,
            size=size,
            speaks=premises.protocols(name) if speaks is None else speaks,
            traits=traits,
        )
        for name in names or tuple(one.name for one in premises.bridges)
    }
