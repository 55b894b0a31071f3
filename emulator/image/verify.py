"""Judge a stored firmware file: each step a function, which and in what order is the profile's.

A step looks at one thing and answers None, or why the image must be refused. What a step cannot
read it refuses. A defect replaces a step through ``table``.

Source: ZCL rev 8, 11.4 and 11.7.1; gb-alt-han 2.2 and 2.3.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from types import MappingProxyType

from emulator.crypto.mmo import aes_mmo
from emulator.errors import CryptoError, WireError
from emulator.image.judgement import Expectation, Reading, Refusal, Step, Verdict, refuse
from emulator.image.signatures import (
    verify_certificate,
    verify_gb_signature,
    verify_signature_suite1,
    verify_signature_suite2,
    verify_signer,
)
from emulator.profiles.model import Manifest
from emulator.wire.manifest import ANY_HARDWARE, ImageManifest
from emulator.wire.ota_file import (
    HEADER_VERSION,
    MAGIC,
    RAW_SIGNATURE_SIZE,
    TRAILER_MARK,
    Container,
    ElementTag,
    OtaHeader,
)
from emulator.wire.ota_reader import FindingCode

#: Fatal findings that another step than ``structure`` refuses by itself.
_JUDGED_ELSEWHERE = frozenset(
    {
        FindingCode.WRAPPER,  # header
        FindingCode.HEADER_VERSION,  # header
        FindingCode.SIZE_TOO_LONG,  # size
    }
)


def verify_header(reading: Reading) -> Refusal | None:
    """Refuse a header that is not the offered image's, or not this device's."""
    octets, header, against = reading.octets, reading.header, reading.against
    if not octets.startswith(MAGIC):
        return refuse("header", "ZCL 11.4.2.1", octets[:4].hex(" "), MAGIC.hex(" "))
    own, offered = (
        (against.manufacturer, against.image_type),
        (
            against.offered_manufacturer,
            against.offered_image_type,
        ),
    )
    ids = (header.manufacturer, header.image_type)
    checks = (
        ("ZCL 11.4.2.2", "header version", header.header_version, HEADER_VERSION),
        ("ZCL 11.4.2.5", "manufacturer", ids[0], offered[0]),
        ("ZCL 11.4.2.6", "image type", ids[1], offered[1]),
        ("ZCL 11.4.2.7", "file version", header.file_version, against.offered_version),
        ("ZCL 11.4.2.5", "manufacturer", ids[0], own[0]),
        ("ZCL 11.4.2.6", "image type", ids[1], own[1]),
    )
    return _first_difference("header", checks)


def verify_hardware(reading: Reading) -> Refusal | None:
    """Refuse an image whose hardware range, if it has one, leaves this device out."""
    header, version = reading.header, reading.against.hardware_version
    low, high = header.minimum_hardware, header.maximum_hardware
    if low is None or high is None or low <= version <= high:
        return None
    return refuse(
        "hardware",
        "ZCL 11.4.2.13",
        f"an image for hardware {low:#06x} to {high:#06x}",
        f"hardware {version:#06x} in it",
    )


def verify_destination(reading: Reading) -> Refusal | None:
    """Refuse an image that is meant for another device."""
    destination, eui64 = reading.header.destination, reading.against.eui64
    if destination is None or destination == eui64:
        return None
    return refuse("destination", "ZCL 11.4.2.12", f"{destination:#018x}", f"{eui64:#018x}")


def verify_size(reading: Reading) -> Refusal | None:
    """Refuse a file unless its header, its storage and its offer agree on its size."""
    total, stored = reading.header.total_size, len(reading.octets)
    offered = reading.against.offered_size
    if total == stored == offered:
        return None
    return refuse(
        "size",
        "ZCL 11.4.2.10",
        f"{total} octets in the header, {stored} stored",
        f"{offered}, as offered",
    )


def verify_structure(reading: Reading) -> Refusal | None:
    """Refuse a file that cannot be taken apart for sure, or that holds no firmware."""
    for finding in reading.findings:
        if finding.fatal and finding.code not in _JUDGED_ELSEWHERE:
            return refuse(
                "structure",
                finding.clause,
                f"{finding.code} at {finding.offset}: {finding.found}",
                finding.expected,
            )
    if not reading.file.image:
        return refuse("structure", "ZCL 11.4.3", "no octet of an upgrade image", "one at least")
    return None


def verify_trailer(reading: Reading) -> Refusal | None:
    """Refuse a raw container that is not closed by 00 40 and 64 octets (GB-012, GB-013)."""
    file = reading.file
    if file.container is not Container.GBCS or file.signature is not None:
        return None
    mark = file.body[-RAW_SIGNATURE_SIZE - len(TRAILER_MARK) :][: len(TRAILER_MARK)]
    return refuse(
        "trailer",
        "gb-alt-han 2.2",
        f"{mark.hex(' ') or 'nothing'} where the trailer would begin",
        f"{TRAILER_MARK.hex(' ')} and {RAW_SIGNATURE_SIZE} octets",
    )


def verify_integrity(reading: Reading) -> Refusal | None:
    """Refuse a file whose integrity code, if it has one, is not the hash of what is before it."""
    file = reading.file
    codes = [
        (at, element.data)
        for at, element in zip(file.offsets(), file.elements, strict=True)
        if element.tag == ElementTag.INTEGRITY_CODE
    ]
    if not codes:
        return None
    if len(codes) > 1:
        return refuse("integrity", "ZCL 11.4.5", f"{len(codes)} integrity codes", "one")
    at, code = codes[0]
    # 095264r23 6.3.10.1: from the first header octet to the last before the tag-3 element's head.
    digest = aes_mmo(memoryview(reading.octets)[len(file.wrapper) : at])
    if digest == code:
        return None
    return refuse("integrity", "095264r23 6.3.10.1", code.hex(), digest.hex())


def verify_manifest(reading: Reading) -> Refusal | None:
    """Refuse an image whose manifest disagrees with what is claimed.

    The manifest must say what the header says (GB-008, GB-009) and what the device is, and the
    payload must hash to what it says.
    """
    manifest, payload = reading.manifest
    refusal = _compare_manifest(manifest, reading.header, reading.against)
    if refusal is not None:
        return refusal
    digest = hashlib.sha256(payload).digest()
    if manifest.payload_digest == digest:
        return None
    found = f"payload digest {manifest.payload_digest.hex()}"
    return refuse("manifest", _MANIFEST, found, digest.hex())


_MANIFEST = "design 2: image manifest"


def claims(manifest: ImageManifest, header: OtaHeader) -> tuple[tuple[str, int, int], ...]:
    """Return (field, manifest's value, header's value) of all that both of them say.

    A header without a hardware range claims every hardware.
    """
    low, high = header.minimum_hardware, header.maximum_hardware
    return (
        ("manufacturer", manifest.manufacturer, header.manufacturer),
        ("image type", manifest.image_type, header.image_type),
        ("file version", manifest.file_version, header.file_version),
        ("minimum hardware", manifest.minimum_hardware, ANY_HARDWARE[0] if low is None else low),
        ("maximum hardware", manifest.maximum_hardware, ANY_HARDWARE[1] if high is None else high),
    )


def _compare_manifest(
    manifest: ImageManifest, header: OtaHeader, against: Expectation
) -> Refusal | None:
    checks = (
        *((_MANIFEST, *claim) for claim in claims(manifest, header)),
        (_MANIFEST, "manufacturer", manifest.manufacturer, against.manufacturer),
        (_MANIFEST, "image type", manifest.image_type, against.image_type),
    )
    if (refusal := _first_difference("manifest", checks)) is not None:
        return refusal
    low, high = manifest.minimum_hardware, manifest.maximum_hardware
    own = against.hardware_version
    if not low <= own <= high:
        found = f"hardware {low:#06x} to {high:#06x}"
        return refuse("manifest", _MANIFEST, found, f"{own:#06x} in it")
    return None


def verify_downgrade(reading: Reading) -> Refusal | None:
    """Refuse an image that is older than the running one, by its header or by its manifest."""
    running = reading.against.running_version
    versions = [("header", reading.header.file_version)]
    if reading.against.manifest is not Manifest.NONE:
        versions.append(("manifest", reading.manifest[0].file_version))
    for where, version in versions:
        if version < running:
            found = f"file version {version:#010x} in the {where}"
            return refuse("downgrade", _DOWNGRADE, found, f"{running:#010x} or above")
    return None


#: The OTA cluster lets a server order a downgrade (ZCL 11.13.5): to refuse one is a policy.
_DOWNGRADE = "ZCL 11.13.5, as a policy"


def verify_security_counter(reading: Reading) -> Refusal | None:
    """Refuse an image whose security counter is below the running one's."""
    counter, least = reading.manifest[0].security_counter, reading.against.security_counter
    if counter >= least:
        return None
    return refuse("security_counter", _MANIFEST, f"security counter {counter}", f"{least} or more")


#: Every step by its name in profiles, in the default order.
STEPS: Mapping[str, Step] = MappingProxyType(
    {
        "header": verify_header,
        "hardware": verify_hardware,
        "destination": verify_destination,
        "size": verify_size,
        "structure": verify_structure,
        "trailer": verify_trailer,
        "integrity": verify_integrity,
        "signer": verify_signer,
        "certificate": verify_certificate,
        "signature_suite1": verify_signature_suite1,
        "signature_suite2": verify_signature_suite2,
        "gb_signature": verify_gb_signature,
        "manifest": verify_manifest,
        "downgrade": verify_downgrade,
        "security_counter": verify_security_counter,
    }
)

#: The steps of a bridge that was given nobody to trust and takes what the server authorises.
DEFAULT_STEPS: tuple[str, ...] = (
    *("header", "hardware", "destination", "size", "structure", "integrity"),
    *("manifest", "security_counter"),
)


def known_steps() -> tuple[str, ...]:
    """Return the names that a profile may use, in the default order."""
    return tuple(STEPS)


class VerdictMemory:
    """Remember verdicts, the least used forgotten first; a verdict depends on nothing but its key.

    Args:
        limit: Verdicts kept, 1 or more.
    """

    def __init__(self, limit: int = 64) -> None:
        if limit < 1:
            raise ValueError(f"VerdictMemory: limit {limit}, expected 1 or more")
        self.limit = limit
        self._kept: OrderedDict[object, Verdict] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def recall(self, key: object) -> Verdict | None:
        """Return the verdict under ``key``, None if there is none (any more)."""
        verdict = self._kept.get(key)
        if verdict is not None:
            self._kept.move_to_end(key)
        return verdict

    def keep(self, key: object, verdict: Verdict) -> None:
        """Keep a verdict under ``key``, and forget the least used one if there are too many."""
        self._kept[key] = verdict
        self._kept.move_to_end(key)
        if len(self._kept) > self.limit:
            self._kept.popitem(last=False)


def verify(
    octets: bytes,
    against: Expectation,
    steps: tuple[str, ...],
    memory: VerdictMemory | None = None,
    table: Mapping[str, Step] = STEPS,
) -> Verdict:
    """Judge a file as it is stored now: run the steps in order until one refuses.

    What a step cannot read, it refuses. With no steps everything is accepted.

    Args:
        octets: The whole file, as stored.
        against: What the image must be.
        steps: Names of the steps to run.
        memory: Where to look for the verdict on the same octets first; no answer differs for it.
        table: The steps by name; a defect replaces some.

    Raises:
        ValueError: A step's name is not in ``table``.
    """
    unknown = [name for name in steps if name not in table]
    if unknown:
        raise ValueError(f"unknown verification step {unknown[0]!r}; known: {', '.join(table)}")
    functions = tuple((name, table[name]) for name in steps)
    if memory is None:
        return _judge(octets, against, functions)
    key = (hashlib.sha256(octets).digest(), against, functions)
    verdict = memory.recall(key)
    if verdict is None:
        verdict = _judge(octets, against, functions)
        memory.keep(key, verdict)
    return verdict


def _judge(octets: bytes, against: Expectation, functions: tuple[tuple[str, Step], ...]) -> Verdict:
    reading = Reading(octets, against)
    for name, step in functions:
        try:
            refusal = step(reading)
        except WireError as error:
            refusal = refuse(name, "ZCL 11.4", str(error), "a file that can be read")
        except CryptoError as error:
            refusal = refuse(name, "ZCL 11.7.1", str(error), "keys that can be used")
        if refusal is not None:
            return Verdict(accepted=False, refusal=refusal)
    return Verdict(accepted=True)


def _first_difference(step: str, checks: tuple[tuple[str, str, int, int], ...]) -> Refusal | None:
    """Refuse the first of (clause, field, found, expected) that differs."""
    for clause, field, found, expected in checks:
        if found != expected:
            return refuse(step, clause, f"{field} {found:#06x}", f"{expected:#06x}")
    return None
