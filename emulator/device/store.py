"""Keep the image that is being downloaded: standby slot, download record, boot record."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeAlias

from emulator.actions import Action, Happening, Report
from emulator.boot.loader import Loader
from emulator.boot.record import SlotFacts
from emulator.contract import Identity
from emulator.device.company import Company
from emulator.device.nonvolatile import NOBODY, Download, Memory
from emulator.errors import WireError, WornError
from emulator.flash.area import Area, StreamWriter
from emulator.image.judgement import Expectation, Verdict
from emulator.ota.ports import Offer, Refused, Server
from emulator.profiles.model import ImageProfile, Manifest, Profile
from emulator.units import Octets
from emulator.wire.manifest import ImageManifest, read_manifest
from emulator.wire.ota import Status
from emulator.wire.ota_reader import read

Verify: TypeAlias = Callable[[bytes, Expectation, tuple[str, ...]], Verdict]


@lru_cache(maxsize=8)
def manifest_of(octets: bytes, profile: ImageProfile) -> ImageManifest | None:
    """Return the manifest of a stored file, None where there is none that can be read."""
    if profile.manifest is Manifest.NONE:
        return None
    try:
        file, _ = read(octets, profile.container)
        return read_manifest(file.image or b"")[0]
    except WireError:
        return None


@dataclass(slots=True)
class Extra:
    """Be the room of one more image that an upgrade needs; what it holds is known in RAM alone."""

    area: Area
    offer: Offer | None = None
    whole: bool = False

    @property
    def offset(self) -> Octets:
        """Return how many octets are stored once nothing is being written."""
        return self.offer.image_size if self.whole and self.offer is not None else 0


class DownloadStore:
    """Be the OTA client's store (``emulator.ota.ports.Store``).

    The order of writes is what makes a cut at any of them harmless: the boot record forgets the
    standby image before its first sector is erased, the download record says ERASING before and
    LOADING after the erase, VERIFIED only after every step passed.
    """

    def __init__(
        self,
        *,
        profile: Profile,
        identity: Identity,
        verify: Verify,
        writer: type[StreamWriter],
        memory: Memory,
        loader: Loader,
        slots: Sequence[Area],
        extras: Sequence[Area],
        on_trial: bool,
        company: Company | None = None,
    ) -> None:
        self._profile, self._trust, self._identity = profile.image, profile.trust, identity
        self._verify, self._make_writer = verify, writer
        self._memory, self._loader, self._slots = memory, loader, slots
        self.on_trial, self._company = on_trial, company
        self._writer: StreamWriter | None = None
        self._extras = tuple(Extra(area) for area in extras)
        self._extra: Extra | None = None  # None: the bridge's own image is selected
        self._forgiven = False
        self._verified: SlotFacts | None = None  # facts of the octets that every step accepted
        self._forgotten = False  # what is stored is given up, though flash may say otherwise
        held = self.held
        if (
            on_trial  # it was staged: what runs is no download any more
            or (held is not None and self.failed_before(held))  # the trial failed before it said so
            or self._runs_already  # nothing else could be booted
        ):
            self._forget()

    def _forget(self) -> None:
        """Give up what is stored, in RAM alone if that cannot be written down."""
        self._forgotten = True
        with suppress(WornError):
            self._memory.change(download=Download.NONE)

    # What is known.

    def select(self, part: int) -> None:
        """Turn to the bridge's own image (0), or to one more that the upgrade needs (1 and up)."""
        if self._extra is not None:
            self._writer = None  # what was being written of it is begun again
        self._extra = self._extras[part - 1] if part else None
        if self._extra is not None:
            self._extra.offer, self._extra.whole = None, False

    @property
    def capacity(self) -> Octets:
        """Return the largest image that fits the standby slot, or the part of the extra area."""
        return (self._standby if self._extra is None else self._extra.area).size

    @property
    def server(self) -> Server | None:
        """Return the server found in an earlier life."""
        now = self._memory.now
        if now.server_eui64 == NOBODY:
            return None
        return Server(
            address=now.server_address, endpoint=now.server_endpoint, eui64=now.server_eui64
        )

    def remember_server(self, server: Server) -> None:
        """Keep the server over resets."""
        self._memory.change(
            server_eui64=NOBODY if server.eui64 is None else server.eui64,
            server_address=server.address,
            server_endpoint=server.endpoint,
        )

    @property
    def held(self) -> Offer | None:
        """Return the image that is stored, in part or whole."""
        if self._extra is not None:
            return self._extra.offer
        now = self._memory.now
        if self._forgotten or now.download in (Download.NONE, Download.ERASING):
            return None
        return Offer(
            manufacturer=now.manufacturer,
            image_type=now.image_type,
            file_version=now.file_version,
            image_size=now.image_size,
        )

    @property
    def verified(self) -> bool:
        """Tell whether the stored image is whole and passed verification."""
        return not self._forgotten and self._memory.now.download is Download.VERIFIED

    @property
    def offset(self) -> Octets:
        """Return how many octets of the image are stored."""
        if self._writer is not None:
            return self._writer.offset
        if self._extra is not None:
            return self._extra.offset
        return self._memory.now.image_size if self.verified else 0

    # Downloading.

    def begin(self, offer: Offer) -> None:
        """Give up what is stored and make the standby slot ready for ``offer``."""
        if self._extra is not None:
            self._extra.offer, self._extra.whole = offer, False
            self._writer = self._make_writer.begin(self._extra.area)
            return
        if self._forgiven and self._is_last_failure(offer):
            self._loader.forgive()  # a reset must not take it for a failure again
        self._forgiven = False  # that was the next offer; what comes after it was not asked for
        self._loader.withdraw()
        self._memory.change(
            download=Download.ERASING,
            manufacturer=offer.manufacturer,
            image_type=offer.image_type,
            file_version=offer.file_version,
            image_size=offer.image_size,
            redoing=0,
        )
        self._forgotten = False
        self._writer = self._make_writer.begin(self._standby)
        self._memory.change(download=Download.LOADING)

    def resume(self) -> None:
        """Find out from flash how far the stored image got."""
        if self._extra is not None:
            return  # it is known as long as the bridge lives, and begun again after a reset
        if self._memory.now.download is Download.LOADING and self._writer is None:
            self._loader.withdraw()  # it was whole once, and not noted here: a sector may be erased
            size = self._memory.now.image_size
            self._writer = self._make_writer.resume(self._standby, size, self._memory)

    def append(self, octets: bytes) -> None:
        """Store the next octets."""
        if self._writer is None:
            raise RuntimeError("append without begin or resume")
        self._writer.append(octets)

    def check(self) -> Refused | None:
        """Read the whole image back from flash and run every step of the profile on it."""
        if self._writer is not None:
            self._writer.finish()
            self._writer = None
        if self._extra is not None:
            return self._check_extra(self._extra)
        now = self._memory.now
        octets = self._standby.read(0, now.image_size)
        refused = self._judge(octets, self._expectation())
        if refused is not None:
            return refused
        manifest = manifest_of(octets, self._profile)
        self._verified = SlotFacts(
            manufacturer=now.manufacturer,
            image_type=now.image_type,
            file_version=now.file_version,
            size=now.image_size,
            digest=hashlib.sha256(octets).digest(),
            security_counter=0 if manifest is None else manifest.security_counter,
        )
        self._loader.keep(self._loader.standby, self._verified)
        self._memory.change(download=Download.VERIFIED)
        return None

    def _judge(self, octets: bytes, against: Expectation) -> Refused | None:
        """Run every step of the profile on an image."""
        verdict = self._verify(octets, against, self._profile.verify)
        if verdict.refusal is not None:
            return Refused(status=verdict.refusal.status, reason=str(verdict.refusal))
        if not verdict.accepted:
            return Refused(status=Status.INVALID_IMAGE, reason="no step accepted it")
        return None

    def _check_extra(self, extra: Extra) -> Refused | None:
        """Judge an image that is not the bridge's own: own ids, and nothing older that runs."""
        offer = extra.offer
        if offer is None:
            raise RuntimeError("check without begin")
        against = replace(
            self._expectation(),
            image_type=offer.image_type,
            offered_manufacturer=offer.manufacturer,
            offered_image_type=offer.image_type,
            offered_version=offer.file_version,
            offered_size=offer.image_size,
            security_counter=0,
            running_version=0,
        )
        refused = self._judge(extra.area.read(0, offer.image_size), against)
        extra.whole = refused is None
        return refused

    def discard(self) -> None:
        """Give up what is stored."""
        self._writer = None
        if self._extra is not None:
            self._extra.offer, self._extra.whole = None, False
            return
        self._verified = None
        self._forget()

    def stage(self) -> None:
        """Mark the image that ``check`` accepted in this life to be tried at the next boot.

        The loader will hold the slot against the digest of the octets that were verified, so that
        what changed in flash since then does not boot.
        """
        if self._verified is None:
            raise RuntimeError("stage without an image that check accepted")
        if self._company is not None:
            self._company.keep_served()
        self._loader.stage(self._loader.standby, self._verified)

    # Trials.

    def reached_server(self) -> Sequence[Action]:
        """Note that a new image made a round trip with the hub through its own stack."""
        if self._company is not None:
            self._company.hub = True
        return self.confirm()

    def confirm(self) -> Sequence[Action]:
        """Confirm an image on trial, once it has reached everybody whom it must reach."""
        if not self.on_trial or (self._company is not None and not self._company.complete):
            return ()
        if self._company is not None:
            self._company.serve()  # first: once the image is confirmed, nothing may forget them
        self._loader.confirm()
        self.on_trial = False
        if self._company is not None:
            self._company.on_trial(None)
        return (Report(what=Happening.CONFIRMED),)

    def failed_before(self, offer: Offer) -> bool:
        """Tell whether this image failed its last trial and it is not time for another attempt.

        An offer has no digest: another image under the same ids and of the same size is taken for
        the one that failed.
        """
        if self.on_trial:
            return True  # a bridge of the home is lacking still: no other image may be begun
        if self._forgiven or not self._is_last_failure(offer):
            return False
        return self._loader.retry_in_s != 0

    def forgive(self) -> None:
        """Take the next offer even if it failed before: the server asked, by a unicast notify."""
        self._forgiven = True

    def _is_last_failure(self, offer: Offer) -> bool:
        return offer == _offered(self._loader.last_failure)

    @property
    def _runs_already(self) -> bool:
        """Tell whether the verified image was booted without leave, as the last one that could."""
        loader = self._loader
        gone = self.verified and loader.facts(loader.standby) is None
        return gone and self.held == _offered(loader.facts(1 - loader.standby))

    @property
    def _standby(self) -> Area:
        return self._slots[self._loader.standby]

    def _expectation(self) -> Expectation:
        now, identity = self._memory.now, self._identity
        running = self._loader.facts(1 - self._loader.standby)
        return Expectation(
            eui64=identity.eui64,
            manufacturer=identity.manufacturer,
            image_type=identity.image_type,
            hardware_version=identity.hardware_version,
            offered_manufacturer=now.manufacturer,
            offered_image_type=now.image_type,
            offered_version=now.file_version,
            offered_size=now.image_size,
            container=self._profile.container,
            manifest=self._profile.manifest,
            security_counter=0 if running is None else running.security_counter,
            running_version=0 if running is None else running.file_version,
            trust=self._trust,
            suites=self._profile.suites,
            signed_integrity=self._profile.signed_integrity,
        )


def _offered(facts: SlotFacts | None) -> Offer | None:
    """Return what a query response would have said of an image."""
    if facts is None:
        return None
    return Offer(
        manufacturer=facts.manufacturer,
        image_type=facts.image_type,
        file_version=facts.file_version,
        image_size=facts.size,
    )
