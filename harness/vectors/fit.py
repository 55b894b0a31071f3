"""Fit a device to what a vector needs, or say why it cannot be.

An emulated bridge is made to fit: its profile takes another container, other steps, our test keys.
"""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from emulator.image.verify import known_steps
from emulator.profiles.load import overlay
from emulator.profiles.model import Manifest, Profile
from emulator.units import Octets
from emulator.wire.ota_file import Container
from harness.vectors.bases import canonical, trust
from harness.vectors.model import Vector
from harness.verdict import Unsupported

#: The need that is no value of a profile: how many octets of a block a device asks for.
BLOCK_OCTETS = "block_octets"
#: Octets of the blocks that vectors count on, or more.
_USUAL_BLOCK: Octets = 32
#: Stages of a vector of frames in which a device asks for blocks.
_ASKING = ("querying", "downloading")
#: Steps that every honest file passes; any other is taken only where a vector needs it.
_ALWAYS = frozenset({"header", "hardware", "destination", "size", "structure"})
#: Steps that go with an image that has a manifest.
_OF_MANIFEST = frozenset({"manifest", "downgrade", "security_counter"})
#: Steps that hold something against the keys that a device trusts.
_OF_TRUST = frozenset(
    {"signer", "certificate", "signature_suite1", "signature_suite2", "gb_signature"}
)


def fit(profile: Profile, vector: Vector) -> dict[str, object]:
    """Return the values that a profile must change for a vector to say something.

    ``needs`` may have ``container``, ``manifest``, ``verify`` (steps, in any order), ``without``
    (steps that may not be, as they would refuse first) and ``changes`` (profile keys). The steps
    are the profile's own that an honest file of that kind passes, and those needed, in the
    canonical order.
    """
    needs = vector.needs
    image = profile.image
    container = Container(needs.get("container", image.container))
    manifest = Manifest(needs.get("manifest", image.manifest))
    wanted: dict[str, object] = {
        "image.container": container,
        "image.manifest": manifest,
        "image.verify": [
            step
            for step in _steps(tuple(image.verify), needs.get("verify", ()), container, manifest)
            if step not in needs.get("without", ())
        ],
        **needs.get("changes", {}),
    }
    if _OF_TRUST & {str(step) for step in needs.get("verify", ())}:
        wanted["trust"] = trust()
    return wanted


def fitted(profile: Profile, vector: Vector) -> Profile:
    """Return the profile of a device that fits a vector.

    Raises:
        ProfileError: No bridge can be so: the vector's ``changes`` are wrong.
    """
    return _overlaid(profile, canonical(fit(profile, vector)))


def settings_for(profile: Profile, vector: Vector) -> dict[str, object]:
    """Return the values that a profile must change for a vector of frames, or of a session.

    Where the vector counts on Image Block Requests, a device that uses pages goes without.

    Raises:
        Unsupported: The device asks for blocks of another size than the vector is about.
    """
    values = ({"ota.page_size_octets": 0} if _is_by_block(vector) else {}) | settings_of(vector)
    octets = values.get("ota.block_size_octets", profile.ota.block_size_octets)
    least, most = block_range(vector)
    if octets < least:
        raise Unsupported(f"needs a device that asks for {least} octets or more, not {octets}")
    if octets > most:
        raise Unsupported(f"needs a device that asks for {most} octets at most, not {octets}")
    return values


def block_range(vector: Vector) -> tuple[Octets, Octets]:
    """Return how few, and how many, octets of a block a device may ask for in a vector."""
    needed = vector.needs.get(BLOCK_OCTETS, {})
    return needed.get("least", 1), needed.get("most", 0xFF)


def settings_of(vector: Vector) -> dict[str, Any]:
    """Return the values of a profile among what a vector of frames, or of a session, needs."""
    return {key: value for key, value in vector.needs.items() if key != BLOCK_OCTETS}


def times_finer(octets: Octets) -> int:
    """Return how many times more blocks a download may have than its vector counts on.

    Args:
        octets: Of a full block that the device gets.
    """
    return -(-_USUAL_BLOCK // octets)


def refuse_unfit(profile: Profile, size: Octets) -> None:
    """End a case whose file a device has no room for.

    Args:
        profile: The device's, fitted.
        size: Octets of the largest file that the vector offers.

    Raises:
        Unsupported: Its slot is too small.
    """
    start, end = profile.flash.slot_a
    if size > end - start:
        raise Unsupported(f"needs a slot of {size} octets, this one has {end - start}")


def _is_by_block(vector: Vector) -> bool:
    """Tell whether a vector of frames, or of a session, counts on Image Block Requests."""
    body = vector.body
    if vector.family == "frames":
        return body["device"]["stage"] in _ASKING
    return isinstance(body.get("start"), dict) or "ImageBlock" in json.dumps(body["steps"])


def _steps(
    held: tuple[str, ...],
    needed: Iterable[str],
    container: Container,
    manifest: Manifest,
) -> list[str]:
    kept = _ALWAYS | (_OF_MANIFEST if manifest is not Manifest.NONE else frozenset())
    kept |= {"integrity"} if container is Container.ZCL else frozenset()
    chosen = {str(step) for step in held if step in kept} | set(needed)
    order: Mapping[str, int] = {name: at for at, name in enumerate(known_steps())}
    return sorted(chosen, key=lambda step: order.get(step, len(order)))


@lru_cache(maxsize=128)
def _overlaid(profile: Profile, changes: str) -> Profile:
    return overlay(profile, json.loads(changes))
