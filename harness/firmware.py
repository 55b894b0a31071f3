"""Build the images that a bench offers to its device."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Protocol, TypedDict, Unpack

from emulator.contract import Identity
from emulator.image.build import build
from emulator.profiles.model import Profile
from emulator.units import Octets
from emulator.wire.manifest import Trait
from emulator.wire.ota_file import Container, Element
from harness.verdict import Unsupported

#: The version of the image that a bench's device starts with.
FIRST_VERSION = 0x01000000
#: The version of the image that a case offers when it names none.
NEXT_VERSION = 0x02000000
#: A bench makes the same small images again and again; large ones are rare.
_build = lru_cache(maxsize=32)(build)


class Wish(TypedDict, total=False):
    """Say what an image must be like, beside good.

    ``size`` is octets of its payload where the harness makes it, and a wish only where it does not;
    ``traits`` is what a processor does when it runs the image; ``hardware`` is its lowest and
    highest hardware version, the device's own where there is none; ``destination`` is the EUI-64 of
    the only device that may use it.
    """

    size: Octets
    traits: Trait
    hardware: tuple[int, int] | None
    destination: int | None


class Firmware(Protocol):
    """Be where a bench takes the images of its device from."""

    def version(self, step: int) -> int:
        """Return the version ``step`` above the first, below it where ``step`` is negative.

        Raises:
            Unsupported: There is none.
        """
        ...

    def image(self, version: int, **wish: Unpack[Wish]) -> bytes:
        """Return a good image of a version.

        Raises:
            Unsupported: There is none that is so.
        """
        ...

    def check_step(self, running: int, version: int) -> None:
        """See that the device goes from the version that it runs to the one that it is offered.

        Raises:
            Unsupported: It is not made for such steps.
        """
        ...

    def with_unknown_elements(self) -> bytes:
        """Return a good image of version 1 with sub-elements that nobody knows.

        Raises:
            Unsupported: There is none.
        """
        ...


class Made:
    """Make every image: an emulated bridge runs whatever its profile describes.

    Args:
        profile: The bridge's.
        first: Version that it starts with.
        following: The version above it.
        fill: Gives the payload of a size and a version.
    """

    def __init__(
        self, profile: Profile, first: int, following: int, fill: Callable[[Octets, int], bytes]
    ) -> None:
        self._profile, self._fill = profile, fill
        self._first, self._following = first, following

    def version(self, step: int) -> int:
        """Return the version ``step`` above the first."""
        return self._first + step if step <= 0 else self._following + step - 1

    def image(self, version: int, **wish: Unpack[Wish]) -> bytes:
        """Return a good image, 2,000 octets of payload unless others are wished for."""
        payload = self._fill(wish.get("size", 2000), version)
        return built(
            self._profile,
            payload,
            version,
            hardware=wish.get("hardware"),
            destination=wish.get("destination"),
            traits=wish.get("traits", Trait(0)),
        )

    def check_step(self, running: int, version: int) -> None:
        """Find nothing wrong: an emulated bridge goes any step."""

    def with_unknown_elements(self) -> bytes:
        """Return a good image with a vendor's and a reserved sub-element behind the firmware."""
        version = self.version(1)
        return with_unknown_elements(self._profile, self._fill(500, version), version)


def built(
    profile: Profile,
    payload: bytes,
    version: int,
    *,
    hardware: tuple[int, int] | None = None,
    **more: Any,  # noqa: ANN401 - what ``build`` takes
) -> bytes:
    """Return a good image for devices of a profile; ``hardware`` None: for the profile's own."""
    own = profile.ota.hardware_version
    return _build(
        payload=payload,
        manufacturer=profile.ota.manufacturer_code,
        image_type=profile.ota.image_type,
        version=version,
        hardware=(own, own) if hardware is None else hardware,
        container=profile.image.container,
        **more,
    )


def with_unknown_elements(profile: Profile, payload: bytes, version: int) -> bytes:
    """Return a good image with a vendor's and a reserved sub-element behind the firmware.

    Raises:
        Unsupported: The container of the profile has no sub-elements.
    """
    if profile.image.container is not Container.ZCL:
        raise Unsupported(f"a {profile.image.container} container has no sub-elements")
    elements = (Element(0xF123, b"a vendor's own"), Element(0x0007, b"reserved"))
    return built(profile, payload, version, elements=elements)


def identity_of(profile: Profile, eui64: int) -> Identity:
    """Return what a factory writes into a device of a profile."""
    return Identity(
        eui64=eui64,
        manufacturer=profile.ota.manufacturer_code,
        image_type=profile.ota.image_type,
        hardware_version=profile.ota.hardware_version,
    )


@lru_cache(maxsize=32)
def filler(size: int, version: int) -> bytes:
    """Return ``size`` octets that differ from version to version and repeat nowhere near."""
    made = bytearray()
    word = (version * 2654435761 + 12345) & 0xFFFFFFFF
    while len(made) < size:
        word = (word * 1664525 + 1013904223) & 0xFFFFFFFF
        made += f"{word:08x}".encode()
    return bytes(made[:size])
