"""Build the images that a bench offers to its device."""

from functools import lru_cache
from typing import Any

from emulator.image.build import build
from emulator.profiles.model import Profile
from emulator.wire.ota_file import Container, Element
from harness.verdict import Unsupported

#: A bench makes the same small images again and again; large ones are rare.
_build = lru_cache(maxsize=32)(build)


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
