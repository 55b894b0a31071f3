"""Hold the defects of verdicts: on what an image claims, how it is compared, when and how long."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

from emulator.crypto.mmo import BLOCK_SIZE, DIGEST_SIZE, LONG, aes_mmo, run_blocks
from emulator.device.defects.model import Defect, with_parts
from emulator.device.defects.steps import judged, with_steps, without
from emulator.device.store import DownloadStore
from emulator.errors import WireError
from emulator.flash.geometry import Geometry
from emulator.flash.nor import Nor
from emulator.image.judgement import Expectation, Reading, Refusal, Step, refuse
from emulator.image.verify import STEPS
from emulator.ota.ports import Refused
from emulator.units import Octets
from emulator.wire.codec import pack_integer, unpack_integer
from emulator.wire.manifest import ANY_HARDWARE, ImageManifest
from emulator.wire.ota_file import ELEMENT_HEAD_SIZE, ElementTag

# The integrity code.


def _code(reading: Reading) -> tuple[Octets, bytes] | None:
    """Return where the integrity code's element begins, and the code."""
    file = reading.file
    for at, element in zip(file.offsets(), file.elements, strict=True):
        if element.tag == ElementTag.INTEGRITY_CODE:
            return at, element.data
    return None


def _either_range(reading: Reading) -> Refusal | None:
    code = _code(reading)
    if code is not None and aes_mmo(reading.octets[: code[0] + ELEMENT_HEAD_SIZE]) == code[1]:
        return None
    return STEPS["integrity"](reading)


def _first_padding(reading: Reading) -> Refusal | None:
    code = _code(reading)
    if code is None or code[0] < LONG:
        return STEPS["integrity"](reading)
    hashed = reading.octets[: code[0]]
    count = pack_integer(8 * len(hashed) % (1 << 16), 2)[::-1]
    padded = hashed + b"\x80" + bytes(-(len(hashed) + 3) % BLOCK_SIZE) + count
    found = run_blocks(padded, bytes(DIGEST_SIZE))
    if found == code[1]:
        return None
    return refuse("integrity", "095264r23 6.3.10.1", code[1].hex(), found.hex())


# The manifest.


def _manifest_with(change: Callable[[ImageManifest, Reading], ImageManifest]) -> dict[str, Step]:
    """Return the step that believes another manifest than there is."""

    def step(reading: Reading) -> Refusal | None:
        believed = Reading(reading.octets, reading.against)
        manifest, payload = reading.manifest
        believed.manifest = change(manifest, reading), payload
        return STEPS["manifest"](believed)

    return {"manifest": step}


def _version_of_header(manifest: ImageManifest, reading: Reading) -> ImageManifest:
    return replace(manifest, file_version=reading.header.file_version)


def _hardware_of_header(manifest: ImageManifest, reading: Reading) -> ImageManifest:
    low, high = reading.header.minimum_hardware, reading.header.maximum_hardware
    if low is None or high is None:
        low, high = ANY_HARDWARE
    return replace(manifest, minimum_hardware=low, maximum_hardware=high)


def _ids_of_header(manifest: ImageManifest, reading: Reading) -> ImageManifest:
    header = reading.header
    return replace(manifest, manufacturer=header.manufacturer, image_type=header.image_type)


def _digest_of_payload(manifest: ImageManifest, reading: Reading) -> ImageManifest:
    return replace(manifest, payload_digest=hashlib.sha256(reading.manifest[1]).digest())


def _if_there(name: str) -> Step:
    """Return a step of the manifest that accepts an image that has none."""

    def step(reading: Reading) -> Refusal | None:
        try:
            return STEPS[name](reading)
        except WireError:
            return None

    return step


# Comparing.


def _negative(number: int) -> int:
    """Return what 32 bits are to who reads them as signed."""
    return unpack_integer(pack_integer(number, 4), signed=True)


def _signed_versions(reading: Reading) -> Refusal | None:
    version, running = reading.header.file_version, reading.against.running_version
    if _negative(version) >= _negative(running):
        return None
    return refuse("downgrade", "ZCL 11.13.5", f"{_negative(version)}", f"{_negative(running)}")


def _signed_counters(reading: Reading) -> Refusal | None:
    counter, least = reading.manifest[0].security_counter, reading.against.security_counter
    if _negative(counter) >= _negative(least):
        return None
    return refuse("security_counter", "design 2", f"{_negative(counter)}", f"{_negative(least)}")


def _same_counter(reading: Reading) -> Refusal | None:
    counter, running = reading.manifest[0].security_counter, reading.against.security_counter
    if counter == running:
        return None
    return refuse("security_counter", "design 2", f"security counter {counter}", f"{running}")


# When, and for how long.


class _FlashWithVerdicts(Nor):
    """Be a flash beside which verdicts outlive a reset."""

    def __init__(self, geometry: Geometry) -> None:
        super().__init__(geometry)
        self.verdicts: dict[int, Refused | None] = {}


class _RemembersByVersion(DownloadStore):
    """Judge each version once."""

    def _judge(self, octets: bytes, against: Expectation) -> Refused | None:
        flash = self._slots[0].nor
        if not isinstance(flash, _FlashWithVerdicts):
            raise TypeError(f"found {type(flash).__name__}, wanted a flash with verdicts")
        version = against.offered_version
        if version not in flash.verdicts:
            flash.verdicts[version] = super()._judge(octets, against)
        return flash.verdicts[version]


class _JudgesTooLate(DownloadStore):
    """Accept every file, and start none that should have been refused."""

    _late: Refused | None = None

    def _judge(self, octets: bytes, against: Expectation) -> Refused | None:
        self._late = super()._judge(octets, against)
        return None

    def stage(self) -> None:
        if self._late is None:
            super().stage()


DEFECTS: tuple[Defect, ...] = (
    judged(
        id="D150",
        title="the layout of a file is not looked at",
        copies="ota-cluster 5.2",
        parts=without("structure"),
        vectors=("IV-262",),
    ),
    judged(
        id="D151",
        title="a lower version is taken where the profile forbids it",
        copies="gb-alt-han section 4, as a policy",
        parts=without("downgrade"),
        vectors=("IV-324",),
    ),
    judged(
        id="D152",
        title="the security counter is not looked at",
        copies="design 2: image manifest",
        parts=without("security_counter"),
        vectors=(
            "IV-016",
            "IV-280",
        ),
    ),
    judged(
        id="D153",
        title="the integrity code may cover the head of its element too",
        copies="ZigBee OTA 095264r23 6.3.10.1; makers read it both ways",
        parts=with_steps({"integrity": _either_range}),
        vectors=("IV-008",),
    ),
    judged(
        id="D154",
        title="AES-MMO counts the bits in 16 from 8,192 octets on too",
        copies="zigpy's AES-MMO pads so; ZigBee 05-3474, B.6",
        parts=with_steps({"integrity": _first_padding}),
        vectors=(
            "IV-173",
            "IV-175",
        ),
    ),
    judged(
        id="D155",
        title="the manifest's version is not held against the header's",
        copies="GB-008",
        parts=with_steps(_manifest_with(_version_of_header)),
        vectors=(
            "IV-012",
            "IV-208",
        ),
    ),
    judged(
        id="D156",
        title="the manifest's hardware is not held against the header's",
        copies="GB-009",
        parts=with_steps(_manifest_with(_hardware_of_header)),
        vectors=(
            "IV-213",
            "IV-215",
        ),
    ),
    judged(
        id="D157",
        title="the manifest's maker and type are not looked at",
        copies="GB-008",
        parts=with_steps(_manifest_with(_ids_of_header)),
        vectors=(
            "IV-209",
            "IV-210",
        ),
    ),
    judged(
        id="D158",
        title="the payload is not held against the manifest's digest",
        copies="design 2: image manifest",
        parts=with_steps(_manifest_with(_digest_of_payload)),
        vectors=(
            "IV-225",
            "IV-230",
        ),
    ),
    judged(
        id="D159",
        title="an image without a manifest needs none",
        copies="design 2: image manifest",
        parts=with_steps({name: _if_there(name) for name in ("manifest", "security_counter")}),
        vectors=("IV-232",),
    ),
    judged(
        id="D162",
        title="versions are compared as signed numbers",
        copies="ota-cluster 5.1",
        parts=with_steps({"downgrade": _signed_versions}),
        vectors=("IV-286",),
    ),
    judged(
        id="D163",
        title="security counters are compared as signed numbers",
        copies="design 2: image manifest",
        parts=with_steps({"security_counter": _signed_counters}),
        vectors=("IV-283",),
    ),
    judged(
        id="D164",
        title="only the running security counter is taken",
        copies="design 2: image manifest",
        parts=with_steps({"security_counter": _same_counter}),
        vectors=("IV-279",),
    ),
    judged(
        id="D166",
        title="remembers the verdict on a version, not on octets",
        copies="zigbee-OTA 328 (Legrand); a cache under the wrong key",
        parts=with_parts(flash=_FlashWithVerdicts, store=_RemembersByVersion),
        vectors=("IV-225",),
    ),
    judged(
        id="D167",
        title="says SUCCESS and verifies when it should start the image",
        copies="OTA-C-083: the end status is the verdict",
        parts=with_parts(store=_JudgesTooLate),
        vectors=(
            "IV-229",
            "IV-038",
        ),
    ),
)
