"""Hold the defects of raw containers: the trailer, and the signature in it."""

from emulator.crypto import p256
from emulator.device.defects.model import Defect
from emulator.device.defects.steps import judged, seeing, with_steps, without
from emulator.image.judgement import Reading, Refusal, Step, refuse
from emulator.image.verify import STEPS
from emulator.wire.ota_file import RAW_SIGNATURE_SIZE, TRAILER_MARK, Container


def _if_closed(name: str) -> Step:
    """Return a step that accepts what nobody signed."""

    def step(reading: Reading) -> Refusal | None:
        return None if reading.file.signature is None else STEPS[name](reading)

    return step


def _over(begin: bool, mark: bool) -> Step:
    """Return a step whose signature covers the header as well, or the mark."""

    def step(reading: Reading) -> Refusal | None:
        file, trust = reading.file, reading.against.trust
        supplier = None if trust is None else trust.supplier
        if file.signature is None or supplier is None:
            return STEPS["gb_signature"](reading)
        signed = (file.header.encode() if begin else b"") + file.body
        if p256.verify(supplier, signed + (TRAILER_MARK if mark else b""), file.signature):
            return None
        return refuse("gb_signature", "gb-alt-han 2.2", "no signature that fits", "one that does")

    return step


def _marked(reading: Reading) -> Reading:
    """Take the last octets for the supplier's signature, whatever stands before them."""
    trust = reading.against.trust
    end = len(reading.octets) - RAW_SIGNATURE_SIZE
    begin = end - len(TRAILER_MARK)
    raw = reading.against.container is Container.GBCS
    if not raw or trust is None or begin < reading.header.size:
        return reading
    octets = reading.octets[:begin] + TRAILER_MARK + reading.octets[end:]
    return Reading(octets, reading.against)


DEFECTS: tuple[Defect, ...] = (
    judged(
        id="D124",
        title="signatures of raw containers are not verified",
        copies="gb-alt-han 2.3, GB-002",
        parts=without("gb_signature"),
        vectors=(
            "IV-296",
            "IV-309",
        ),
    ),
    judged(
        id="D126",
        title="a raw container without a trailer needs none",
        copies="GB-012, GB-013",
        parts=with_steps({name: _if_closed(name) for name in ("trailer", "gb_signature")}),
        vectors=("IV-292",),
    ),
    judged(
        id="D140",
        title="the signature of a raw container covers the header too",
        copies="gb-alt-han 2.2: the manufacturer image alone",
        parts=with_steps({"gb_signature": _over(begin=True, mark=False)}),
        vectors=("IV-013", "IV-325"),
    ),
    judged(
        id="D141",
        title="the signature of a raw container covers 00 40 too",
        copies="gb-alt-han 2.2: the manufacturer image alone",
        parts=with_steps({"gb_signature": _over(begin=False, mark=True)}),
        vectors=("IV-013", "IV-326"),
    ),
    judged(
        id="D142",
        title="the last 64 octets are a signature whatever stands before them",
        copies="GB-012, GB-013",
        parts=with_steps(seeing(_marked, *STEPS)),
        vectors=(
            "IV-015",
            "IV-290",
        ),
    ),
)
