"""State what the OTA client needs of the device around it, as two small protocols."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from emulator.actions import Action
from emulator.units import Octets
from emulator.wire.codec import Frame
from emulator.wire.ota import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Say where the OTA server is; ``eui64`` is None until it is resolved."""

    address: int
    endpoint: int
    eui64: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Be what a query response authorises the client to install."""

    manufacturer: int
    image_type: int
    file_version: int
    image_size: Octets


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Say why a downloaded image is not used, and what the server is told."""

    status: Status
    reason: str


class Voice(Protocol):
    """Put the client's frames on the air."""

    def command(self, frame: Frame, server: Server) -> Sequence[Action]:
        """Send a command of the OTA cluster to the server, with a fresh sequence number."""
        ...

    @property
    def address(self) -> int | None:
        """Return the NWK address of the device itself, None while it has none."""
        ...

    def seek_server(self, only: int | None) -> Sequence[Action]:
        """Ask the network who serves the OTA cluster, or ``only`` one node whether it does."""
        ...

    def resolve(self, address: int) -> Sequence[Action]:
        """Ask a node for its IEEE address."""
        ...


class Store(Protocol):
    """Keep the image that is being downloaded, over resets.

    Where an upgrade has several images, all but ``stage`` and what concerns the server speak of the
    one that was selected.
    """

    def select(self, part: int) -> None:
        """Turn to the device's own image (0) or to one of the others that it needs (1 and up)."""
        ...

    @property
    def capacity(self) -> Octets:
        """Return the largest image that fits."""
        ...

    @property
    def server(self) -> Server | None:
        """Return the server found in an earlier life."""
        ...

    def remember_server(self, server: Server) -> None:
        """Keep the server over resets."""
        ...

    @property
    def held(self) -> Offer | None:
        """Return the image that is stored, in part or whole."""
        ...

    @property
    def offset(self) -> Octets:
        """Return how many octets of it are stored."""
        ...

    def reached_server(self) -> Sequence[Action]:
        """Note a round trip with the server: a new image on trial is thereby confirmed."""
        ...

    def begin(self, offer: Offer) -> None:
        """Give up what is stored and make room for ``offer``."""
        ...

    def resume(self) -> None:
        """Find out from flash how far the stored image got, and make it ready to go on."""
        ...

    def append(self, octets: bytes) -> None:
        """Store the next octets."""
        ...

    def check(self) -> Refused | None:
        """Verify the complete image; None means that it is good and kept."""
        ...

    def discard(self) -> None:
        """Give up what is stored."""
        ...

    def stage(self) -> None:
        """Mark the device's own image, which is verified, to be tried at the next boot."""
        ...

    def failed_before(self, offer: Offer) -> bool:
        """Tell whether this image failed its trial and must not be installed in a loop."""
        ...

    def forgive(self) -> None:
        """Forget a failed trial: the server asks for a new attempt."""
        ...
