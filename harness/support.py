"""Say what a device states of itself, by PICS item: from its profile, and from its DUT file.

An item that is denied makes a case unsupported; one that is claimed is held to by the cases. What
nobody speaks of counts as claimed.
"""

from collections.abc import Callable, Iterable, Mapping

from emulator.profiles.model import PROOFS, Manifest, Profile, VerifyStep
from emulator.wire.ota_file import Container
from harness.requirements import catalogue

#: The items that a profile answers by itself: the key that says it, and how it is read there; None:
#: the key leaves it open.
_ANSWERS: Mapping[str, tuple[str, Callable[[Profile], bool | None]]] = {
    "OTA.CLIENT.PAGE": ("ota.page_size_octets", lambda one: one.ota.page_size_octets > 0),
    # A client with attribute 0x0009 shall send it; one that sends nothing may have it all the same.
    "OTA.CLIENT.PERIOD": ("ota.block_sends_period", lambda one: one.ota.block_sends_period or None),
    "OTA.CLIENT.INTEGRITY": (
        "image.verify",
        lambda one: VerifyStep.INTEGRITY in one.image.verify,
    ),
    "OTA.CLIENT.SIGNATURE": (
        "image.verify and image.manifest",
        lambda one: (
            one.image.manifest is not Manifest.NONE
            or any(step in PROOFS for step in one.image.verify)
        ),
    ),
    "OTA.CLIENT.HARDWARE": ("image.verify", lambda one: VerifyStep.HARDWARE in one.image.verify),
    "OTA.CLIENT.MULTI_IMAGE": ("ota.more_image_types", lambda one: bool(one.ota.more_image_types)),
    "OTA.CLIENT.ACTIVATION_POLICY": (
        "ota.activation_policy",
        lambda one: one.ota.activation_policy == 1,
    ),
    "OTA.CLIENT.SLEEPY": ("sleep", lambda one: one.sleep is not None),
    "SE.APS_SECURITY": ("ota.aps_encrypt", lambda one: one.ota.aps_encrypt),
    "GB.CONTAINER": ("image.container", lambda one: one.image.container is Container.GBCS),
    "GB.MANIFEST": ("image.manifest", lambda one: one.image.manifest is not Manifest.NONE),
    "GB.BATTERY": ("battery", lambda one: one.battery is not None),
}


def implied(profile: Profile) -> Mapping[str, bool]:
    """Return the PICS items that a profile answers by itself."""
    read = {item: said(profile) for item, (_, said) in _ANSWERS.items()}
    return {item: said for item, said in read.items() if said is not None}


def statements(profile: Profile, stated: Mapping[str, bool] | None = None) -> Mapping[str, bool]:
    """Return everything that is stated of a device.

    Args:
        profile: The device's.
        stated: What its DUT file states beside; nothing in it contradicts the profile.

    Returns:
        Each item that somebody speaks of; one that needs a denied item is denied too.
    """
    made = {**implied(profile), **(stated or {})}
    for item, needed in catalogue.implications().items():
        if any(made.get(one) is False for one in needed):
            made[item] = False
    return made


def denied(items: Iterable[str], known: Mapping[str, bool]) -> str | None:
    """Return the first of these items that is denied, None if none is."""
    return next((item for item in items if not known.get(item, True)), None)


def contradiction(profile: Profile, stated: Mapping[str, bool]) -> tuple[str, str] | None:
    """Find a statement that cannot be true beside the others.

    Args:
        profile: The device's.
        stated: What its DUT file states.

    Returns:
        The item, and why it must be the other way round; None if all agree.
    """
    own = implied(profile)
    for item, said in stated.items():
        if own.get(item, said) is not said:
            return item, f"as {_ANSWERS[item][0]} of its profile says"
    known = {**own, **stated}
    for item, needed in catalogue.implications().items():
        for one in needed:
            if known.get(item) is True and known.get(one) is False:
                if one in stated:
                    return one, f"as {item} = true implies it"
                return item, f"as it implies {one}, which its profile denies"
    return None
