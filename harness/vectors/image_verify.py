"""Read a vector of the families ``image_verify`` and ``file_format`` as one upgrade to offer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emulator.contract import Identity
from emulator.errors import WireError
from emulator.profiles.model import Profile
from emulator.wire.ota import Status
from emulator.wire.ota_file import MAGIC, OtaHeader
from harness.bench import DUT_EUI64
from harness.firmware import FIRST_VERSION, NEXT_VERSION, built, filler, identity_of
from harness.hub.images import Served
from harness.vectors.bases import load_base
from harness.vectors.fit import fitted, refuse_unfit
from harness.vectors.load import shown
from harness.vectors.model import Vector
from harness.vectors.recipes import honest, number, own, render_vector

#: The families whose vectors are each one offer of a file.
OFFERS = frozenset({"image_verify", "file_format"})
#: What an accept list calls a device that sent no Upgrade End Request.
NO_END = "none"
#: Octets of the payload that the device runs before.
_FIRST_PAYLOAD = 256
#: Base of the control of a vector whose image is literal octets, by its container.
_PLAIN = {"zcl": "zcl-plain", "gbcs": "gbcs-unsigned"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Say what is offered to a device of which kind, what may come of it, and the control.

    ``statuses`` are names of Upgrade End statuses; ``version`` is what must run afterwards;
    ``control`` is an honest file that the same device must take then.
    """

    profile: Profile
    first_image: bytes
    first_version: int
    offer: Served
    statuses: tuple[str, ...]
    version: int
    control: bytes
    control_version: int


def trial_of(vector: Vector, profile: Profile) -> Trial:
    """Return what a vector means for a device.

    Args:
        vector: Its ``expect`` (or ``expect.device``) has ``end_status`` and ``boots``.
        profile: The device's, before it is fitted.

    Raises:
        VectorError: A field cannot be read.
        Unsupported: The device cannot be made to fit.
    """
    fit = fitted(profile, vector)
    identity = identity_of(fit, DUT_EUI64)
    octets = render_vector(vector, identity)
    expect = vector.body["expect"].get("device", vector.body["expect"])
    running = vector.needs.get("running", {})
    first_version = _number(vector, running, "version", FIRST_VERSION)
    counter = _number(vector, running, "security_counter", 1)
    image = vector.body["image"]
    header = (
        None
        if "hex" in image
        else _header(honest(image["base"], image.get("build", {}), identity, vector.folder))
    )
    offer = offer_of(vector, octets, identity, header)
    new = expect["boots"] == "new"
    control_version = offer.file_version + 1 if new else _version_of(vector)
    control = _control(vector, control_version, counter, identity)
    refuse_unfit(fit, max(len(octets), len(control), offer.image_size if new else 0))
    return Trial(
        profile=fit,
        first_image=built(
            fit, filler(_FIRST_PAYLOAD, first_version), first_version, security_counter=counter
        ),
        first_version=first_version,
        offer=offer,
        statuses=tuple(expect["end_status"]),
        version=offer.file_version if new else first_version,
        control=control,
        control_version=control_version,
    )


def status_name(status: Status | int | None) -> str:
    """Return an end status as accept lists call it."""
    if status is None:
        return NO_END
    return Status(status).name if status in tuple(Status) else f"{status:#04x}"


def _control_base(vector: Vector) -> str:
    image: Mapping[str, Any] = vector.body["image"]
    plain = _PLAIN[vector.needs["container"]]
    return str(vector.body.get("control", image.get("base", plain)))


def _version_of(vector: Vector) -> int:
    """Return the version of the control's base."""
    base = load_base(_control_base(vector), vector.folder)
    return number(base.build.get("version")) or NEXT_VERSION


def _control(vector: Vector, version: int, counter: int, identity: Identity) -> bytes:
    """Return an honest file of the same kind, whose security counter is not below any before."""
    name = _control_base(vector)
    base = load_base(name, vector.folder)
    counters = (counter, *(number(each.get("security_counter")) or 1 for each in _builds(vector)))
    changes: dict[str, Any] = {"version": version}
    if base.build.get("manifest", True):
        changes["security_counter"] = max(
            *counters, number(base.build.get("security_counter")) or 1
        )
    return honest(name, changes, identity, vector.folder)


def _builds(vector: Vector) -> tuple[Mapping[str, Any], ...]:
    return (vector.body["image"].get("build", {}),)


# What the hub announces.


def offer_of(vector: Vector, octets: bytes, identity: Identity, header: OtaHeader | None) -> Served:
    """Return what the query response says: the honest file's header, and where it lies.

    ``header`` is the honest file's, None where there is none. A field of the vector may be a
    number, one near the device's own (``own+1``), or ``file``: what the header of the file that is
    served says. The size is that of the octets unless it is told. No hardware range is announced:
    that is the device's to check.
    """
    told = vector.body.get("offer", {})
    usual = {
        "manufacturer": identity.manufacturer if header is None else header.manufacturer,
        "image_type": identity.image_type if header is None else header.image_type,
        "file_version": NEXT_VERSION if header is None else header.file_version,
        "image_size": len(octets),
    }
    held = {"manufacturer": identity.manufacturer, "image_type": identity.image_type}
    values = {
        name: _announced(vector, name, told[name], octets, held.get(name, value))
        if name in told
        else value
        for name, value in usual.items()
    }
    return Served(octets=octets, **values)


#: The header's field behind each field of an offer.
_FIELDS = {"image_size": "total_size"}


def _announced(vector: Vector, name: str, value: object, octets: bytes, held: int) -> int:
    if value == "file":
        header = _header(octets)
        if header is None:
            raise vector.error(f"offer.{name}", '"file", and the file has no header', "a number")
        return int(getattr(header, _FIELDS.get(name, name)))
    found = own(value, held)
    if found is None:
        raise vector.error(f"offer.{name}", shown(value), 'a number, own+1 or the like, or "file"')
    return found


def _header(octets: bytes) -> OtaHeader | None:
    try:
        return OtaHeader.decode_at(octets, max(octets.find(MAGIC), 0))[0]
    except WireError:
        return None


def _number(vector: Vector, table: Mapping[str, Any], name: str, usual: int) -> int:
    found = number(table.get(name, usual))
    if found is None:
        raise vector.error(f"needs.running.{name}", shown(table[name]), "a number")
    return found
