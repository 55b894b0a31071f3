"""Build the images that a bench offers to its device."""

from typing import Any

from emulator.image.build import build
from emulator.profiles.model import Profile


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
    return build(
        payload=payload,
        manufacturer=profile.ota.manufacturer_code,
        image_type=profile.ota.image_type,
        version=version,
        hardware=(own, own) if hardware is None else hardware,
        container=profile.image.container,
        **more,
    )
