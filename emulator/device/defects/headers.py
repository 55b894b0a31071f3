"""Hold the defects of headers: what they say of maker, type, size, hardware and destination."""

from dataclasses import replace

from emulator.crypto.suites import EUI64_SIZE
from emulator.device.defects.model import Defect
from emulator.device.defects.steps import judged, seeing, with_steps
from emulator.device.parts import Parts
from emulator.image.judgement import Reading, Refusal, refuse
from emulator.image.verify import STEPS
from emulator.units import Octets
from emulator.wire.codec import pack_integer, unpack_integer
from emulator.wire.ota_file import HEADER_VERSION, KNOWN_CONTROL, MAGIC, OtaHeader

_EVERYBODY = (1 << 64) - 1
#: Where the total size stands in a header.
_SIZE_AT: Octets = 52


def _limits_are_beyond(reading: Reading) -> Refusal | None:
    low, high = reading.header.minimum_hardware, reading.header.maximum_hardware
    own = reading.against.hardware_version
    if low != high and own in (low, high):
        return refuse("hardware", "ZCL 11.4.2.13", f"hardware {own:#06x} at a limit", "inside")
    return STEPS["hardware"](reading)


def _only_with_a_range(reading: Reading) -> Refusal | None:
    if reading.header.minimum_hardware is None:
        return refuse("hardware", "ZCL 11.4.2.13", "no hardware range", "one")
    return STEPS["hardware"](reading)


def _destination_turned(reading: Reading) -> Reading:
    """Read the destination as big-endian."""
    own = unpack_integer(pack_integer(reading.against.eui64, EUI64_SIZE)[::-1])
    return Reading(reading.octets, replace(reading.against, eui64=own))


def _destination_at_56(reading: Reading) -> Refusal | None:
    """Find the destination where it is if no credential version stands before it."""
    if reading.header.destination is None:
        return None
    found = unpack_integer(reading.octets[OtaHeader.SHORTEST :][:EUI64_SIZE])
    if found == reading.against.eui64:
        return None
    return refuse("destination", "ZCL 11.4.2.12", f"{found:#018x}", "the own EUI64")


def _never_lower(reading: Reading) -> Refusal | None:
    version, running = reading.header.file_version, reading.against.running_version
    if version < running:
        return refuse("header", "ZCL 11.13.5", f"{version:#010x}", f"{running:#010x} or above")
    return STEPS["header"](reading)


def _unless_broadcast(reading: Reading) -> Refusal | None:
    everybody = reading.header.destination == _EVERYBODY
    return None if everybody else STEPS["destination"](reading)


def _of_any_type(reading: Reading) -> Reading:
    type_ = reading.header.image_type
    against = replace(reading.against, image_type=type_, offered_image_type=type_)
    return Reading(reading.octets, against)


def _of_any_maker(reading: Reading) -> Reading:
    maker = reading.header.manufacturer
    against = replace(reading.against, manufacturer=maker, offered_manufacturer=maker)
    return Reading(reading.octets, against)


def _passing_over(at: Octets, usual: bytes) -> Parts:
    """Return the parts of a bridge that reads the usual octets at a place, whatever is there."""

    def corrected(reading: Reading) -> Reading:
        octets = reading.octets
        return Reading(octets[:at] + usual + octets[at + len(usual) :], reading.against)

    return with_steps(seeing(corrected, *STEPS))


def _sized_as_offered(reading: Reading) -> Reading:
    size = pack_integer(reading.against.offered_size, 4)
    octets = reading.octets
    return Reading(octets[:_SIZE_AT] + size + octets[_SIZE_AT + 4 :], reading.against)


def _knows_every_bit(reading: Reading) -> Refusal | None:
    control = reading.header.control
    if control & ~KNOWN_CONTROL:
        return refuse("structure", "ZCL 11.4.2.4", f"field control {control:#06x}", "known bits")
    return STEPS["structure"](reading)


DEFECTS: tuple[Defect, ...] = (
    judged(
        id="D160",
        title="the limits of a hardware range are not in it",
        copies="ZCL rev 8, 11.4.2.13 and 14: inclusive",
        parts=with_steps({"hardware": _limits_are_beyond}),
        vectors=("IV-235", "IV-236"),
    ),
    judged(
        id="D161",
        title="destination all ones is everybody",
        copies="ZCL rev 8, 11.4.2.12: one device",
        parts=with_steps({"destination": _unless_broadcast}),
        vectors=("IV-246",),
    ),
    judged(
        id="D165",
        title="the type of an image is not looked at",
        copies="ZCL rev 8, 11.4.2.6",
        parts=with_steps(seeing(_of_any_type, "header", "manifest")),
        vectors=(
            "IV-183",
            "IV-185",
        ),
    ),
    judged(
        id="D168",
        title="the maker of an image is not looked at",
        copies="ZCL rev 8, 11.4.2.5",
        parts=with_steps(seeing(_of_any_maker, "header", "manifest")),
        vectors=("IV-181",),
    ),
    judged(
        id="D169",
        title="the version of the header is not looked at",
        copies="ZCL rev 8, 11.4.2.2; OTA-F-003",
        parts=_passing_over(len(MAGIC), pack_integer(HEADER_VERSION, 2)),
        vectors=("IV-193",),
    ),
    judged(
        id="D170",
        title="the magic is not looked at",
        copies="ZCL rev 8, 11.4.2.1",
        parts=_passing_over(0, MAGIC),
        vectors=("IV-179",),
    ),
    judged(
        id="D171",
        title="goes by the offered size and not by the header's",
        copies="ZCL rev 8, 11.4.2.10",
        parts=with_steps(seeing(_sized_as_offered, *STEPS)),
        vectors=(
            "IV-196",
            "IV-199",
        ),
    ),
    judged(
        id="D172",
        title="reads the destination as big-endian",
        copies="ZCL rev 8, 11.4.2.12",
        parts=with_steps(seeing(_destination_turned, "destination")),
        vectors=(
            "IV-009",
            "IV-244",
        ),
    ),
    judged(
        id="D173",
        title="refuses bits of field control that it does not know",
        copies="ZCL rev 8, 11.4.2.4; reserved bits are ignored",
        parts=with_steps({"structure": _knows_every_bit}),
        vectors=("IV-274",),
    ),
    judged(
        id="D174",
        title="refuses a lower version that the server authorised",
        copies="ZCL rev 8, 11.13.5",
        parts=with_steps({"header": _never_lower}),
        vectors=("IV-278",),
    ),
    judged(
        id="D175",
        title="refuses a file without a hardware range",
        copies="ZCL rev 8, 11.4.2.4: the field is optional",
        parts=with_steps({"hardware": _only_with_a_range}),
        vectors=("IV-238",),
    ),
    judged(
        id="D176",
        title="finds the destination only where no field stands before it",
        copies="ZCL rev 8, 11.4.2.4: optional fields close up",
        parts=with_steps({"destination": _destination_at_56}),
        vectors=("IV-249",),
    ),
)
