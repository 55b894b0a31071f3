"""Describe a bridge type as data, and check it.

Every key of a profile is declared here, once: its name, its type and its range. The loader builds
a profile from these annotations and ``docs/profiles.md`` says what each key means and why its
default is what it is (a test holds the page to this module).

A check that fails raises ``ProfileError`` with the dotted key, what was found
and what was expected.
"""

import json
import re
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Annotated, ClassVar, get_type_hints

from emulator.profiles.basic import ORDINARY, BasicProfile
from emulator.profiles.battery import BatteryProfile
from emulator.profiles.flash import FlashProfile, span
from emulator.profiles.link import ORDINARY_LINK, LinkProfile
from emulator.profiles.section import Range, Section, ranges, refuse, section_of
from emulator.profiles.switches import (
    BadBlock,
    BusyNotify,
    Consent,
    DownloadedStatus,
    Fallback,
    PastUpgrade,
    PastWait,
    PeriodUnit,
    Requirement,
    Resume,
    ServerChoice,
    SignedIntegrity,
    Stranger,
    UnicastNotify,
    Wildcards,
)
from emulator.profiles.trust import TrustProfile
from emulator.units import Octets
from emulator.wire.ota_file import Container

#: Identifiers are read and written in hexadecimal.
Id16 = Annotated[int, Range(0, 0xFFFF, hexadecimal=True)]
#: 0xFFFF is the wildcard for every manufacturer: no device is that (ZCL rev 8, 11.4.2.5).
ManufacturerCode = Annotated[int, Range(0, 0xFFFE, hexadecimal=True)]
#: 0xFFC0 and above are files of the standard, not firmware (ZCL rev 8, 11.4.2.6).
FirmwareType = Annotated[int, Range(0, 0xFFBF, hexadecimal=True)]
#: 0x0000 is ZDO's own profile; 0xFFFF matches all.
ApplicationProfile = Annotated[int, Range(1, 0xFFFE, hexadecimal=True)]
Endpoint = Annotated[int, Range(1, 240)]
Revision = Annotated[int, Range(1, 0xFFFF)]
Policy = Annotated[int, Range(0, 1)]
BlockSize = Annotated[int, Range(1, 255)]
BlockPeriod = Annotated[int, Range(0, 0xFFFE)]
Tries = Annotated[int, Range(1, 255)]
Retries = Annotated[int, Range(0, 254)]
#: Times: the upper bounds keep a slip of units (microseconds for seconds) from passing.
Seconds = Annotated[int, Range(1, 31_536_000)]
SecondsOrNone = Annotated[int, Range(0, 31_536_000)]
Milliseconds = Annotated[int, Range(1, 3_600_000)]
MillisecondsOrNone = Annotated[int, Range(0, 3_600_000)]
CounterLeap = Annotated[int, Range(1, 1 << 24)]
PageSize = Annotated[int, Range(0, 4096)]
#: The field of an Image Page Request has two octets; pages are given up within 30 s (OTA-C-079).
PageSpacing = Annotated[int, Range(0, 0xFFFF)]
PageTimeout = Annotated[int, Range(1, 30_000)]
Divisor = Annotated[int, Range(1, 86_400)]


class Role(StrEnum):
    """What a bridge does in a home (gb-alt-han 1.3); code asks for roles, never for type names."""

    NEAR = "near"
    REMOTE_IHD = "remote_ihd"
    REMOTE_GSME = "remote_gsme"


class Power(StrEnum):
    """Where a bridge's supply comes from."""

    MAINS = "mains"
    BATTERY = "battery"


class Activation(StrEnum):
    """Who starts an image that was verified."""

    ZIGBEE = "zigbee"


class Manifest(StrEnum):
    """Which image manifest the images of this bridge carry."""

    HANOVER = "hanover-1"
    NONE = "none"


class VerifyStep(StrEnum):
    """What is checked of a downloaded file; ``emulator.image.verify`` has one function for each."""

    HEADER = "header"
    HARDWARE = "hardware"
    DESTINATION = "destination"
    SIZE = "size"
    STRUCTURE = "structure"
    TRAILER = "trailer"
    INTEGRITY = "integrity"
    SIGNER = "signer"
    CERTIFICATE = "certificate"
    SIGNATURE_SUITE1 = "signature_suite1"
    SIGNATURE_SUITE2 = "signature_suite2"
    GB_SIGNATURE = "gb_signature"
    MANIFEST = "manifest"
    DOWNGRADE = "downgrade"
    SECURITY_COUNTER = "security_counter"


#: The steps of the OTA cluster's own signatures: either suite, by a signer that is trusted.
SUITE_STEPS = (VerifyStep.SIGNATURE_SUITE1, VerifyStep.SIGNATURE_SUITE2)
SIGNED_STEPS = (VerifyStep.SIGNER, VerifyStep.CERTIFICATE, *SUITE_STEPS)
#: Steps that look for sub-elements, for the parts of a raw container, for the image manifest.
ELEMENT_STEPS = (VerifyStep.INTEGRITY, *SIGNED_STEPS)
RAW_STEPS = (VerifyStep.TRAILER, VerifyStep.GB_SIGNATURE)
#: Steps that ask who made a file: they, and no others, tell a forged one.
PROOFS = (*SIGNED_STEPS, VerifyStep.GB_SIGNATURE)
MANIFEST_STEPS = (VerifyStep.MANIFEST, VerifyStep.SECURITY_COUNTER)
#: What each step of the signatures needs of ``[trust]``, and what that is.
TRUST_OF: dict[VerifyStep, tuple[str, str]] = {
    VerifyStep.SIGNER: ("signers", "the EUI64 of a signer or more"),
    VerifyStep.CERTIFICATE: ("issuer", "the EUI64 of the CA"),
    VerifyStep.SIGNATURE_SUITE1: ("ca_suite1", "the public key of the CA"),
    VerifyStep.SIGNATURE_SUITE2: ("ca_suite2", "the public key of the CA"),
    VerifyStep.GB_SIGNATURE: ("gb_key", "the supplier's public key"),
}


class BootScheme(StrEnum):
    """How a new image comes to run."""

    AB = "ab"
    SWAP = "swap"


#: A swap takes this many steps for each part of a slot that fits the scratch area, and may take
#: this many in all: the boot record counts them in two octets.
SWAP_STEPS, MOST_SWAP_STEPS = 3, 0xFFFF


#: Values that have a meaning and no code yet: the loader says so instead of calling them unknown.
NOT_YET: dict[type[StrEnum], frozenset[str]] = {
    Activation: frozenset({"cs06", "ppmid"}),
}
#: Keys likewise, and what they would be for.
KEYS_NOT_YET: dict[str, str] = {"flash.download": "an area for downloads beside both slots"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OtaProfile(Section):
    """Hold the parameters of the OTA client (ota-cluster sections 1 to 4)."""

    TABLE: ClassVar[str] = "ota"
    #: Requests without an answer after which an image may be applied unasked (ZCL 11.11.4).
    LEAST_END_TRIES: ClassVar[int] = 3

    manufacturer_code: ManufacturerCode
    image_type: FirmwareType
    hardware_version: Id16
    stack_version: Id16
    cluster_revision: Revision
    endpoint: Endpoint
    zigbee_profile: ApplicationProfile
    device_id: Id16
    activation: Activation
    activation_policy: Policy
    timeout_policy: Policy
    timer_scale: Divisor
    more_image_types: tuple[FirmwareType, ...]
    block_size_octets: BlockSize
    block_sends_node_address: bool
    block_sends_period: bool
    block_period: BlockPeriod
    block_period_unit: PeriodUnit
    foreign_block: BadBlock
    unfit_block: BadBlock
    page_size_octets: PageSize
    page_spacing_ms: PageSpacing
    page_timeout_ms: PageTimeout
    resume: Resume
    query_sends_hardware_version: bool
    first_query_delay_s: SecondsOrNone
    query_period_s: Seconds
    query_jitter_s: SecondsOrNone
    downgrade: Consent
    reinstall: Consent
    notify_unicast: UnicastNotify
    notify_wildcards: Wildcards
    notify_busy: BusyNotify
    stranger: Stranger
    server_choice: ServerChoice
    errors_before_discovery: Tries
    discovery_retry_s: Seconds
    trial_retry_s: Seconds
    response_timeout_ms: Milliseconds
    request_tries: Tries
    block_timeout_ms: Milliseconds
    block_tries: Tries
    end_retry_s: Seconds
    end_tries: Tries
    status_after_download: DownloadedStatus
    wait_poll_s: Seconds
    past_wait: PastWait
    longest_wait_s: Seconds
    past_upgrade: PastUpgrade
    longest_countdown_s: Seconds
    apply_delay_ms: MillisecondsOrNone
    aps_acknowledge: bool
    aps_encrypt: bool

    def _check(self) -> None:
        if self.query_jitter_s >= self.query_period_s:
            period = f"less than query_period_s ({self.query_period_s})"
            self._refuse("query_jitter_s", str(self.query_jitter_s), period)
        if self.timeout_policy == 0 and self.activation_policy == 0:
            least = self.LEAST_END_TRIES
            if self.end_tries < least:
                expected = f"at least {least} where timeout_policy is 0 (ZCL 11.11.4)"
                self._refuse("end_tries", str(self.end_tries), expected)
        if 0 < self.page_size_octets < self.block_size_octets:
            expected = f"0 or at least block_size_octets ({self.block_size_octets})"
            self._refuse("page_size_octets", str(self.page_size_octets), expected)
        self._check_types()

    def _check_types(self) -> None:
        bound = ranges(type(self))["image_type"]
        seen = {self.image_type}
        for index, one in enumerate(self.more_image_types):
            name = f"more_image_types[{index}]"
            if not bound.least <= one <= bound.most:
                self._refuse(name, bound.show(one), str(bound))
            if one in seen:
                self._refuse(name, bound.show(one), "each image type once")
            seen.add(one)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageProfile(Section):
    """Say what a good firmware file of this bridge looks like, and how it is checked."""

    TABLE: ClassVar[str] = "image"

    container: Container
    manifest: Manifest
    verify: tuple[VerifyStep, ...]
    signed_integrity: SignedIntegrity

    @property
    def suites(self) -> tuple[int, ...]:
        """Return the suites of the OTA cluster, 1 and 2, whose signatures are taken."""
        return tuple(number for number, step in enumerate(SUITE_STEPS, 1) if step in self.verify)

    def _check(self) -> None:
        found = "[" + ", ".join(f'"{step}"' for step in self.verify) + "]"
        if not self.verify:
            self._refuse("verify", found, "at least one step")
        if len(set(self.verify)) < len(self.verify):
            self._refuse("verify", found, "each step once")
        for step in self.verify:
            if reason := self._misfit(step):
                self._refuse("verify", found, f'no "{step}" step{reason}')
        if not any(step in SIGNED_STEPS for step in self.verify):
            return
        # A signature that nobody asks about the signer of is anybody's, and a name proves nothing.
        for step in (VerifyStep.SIGNER, VerifyStep.CERTIFICATE):
            if step not in self.verify:
                self._refuse("verify", found, f'"{step}" beside the other steps of signatures')
        if not any(step in SUITE_STEPS for step in self.verify):
            wanted = " or ".join(f'"{step}"' for step in SUITE_STEPS)
            self._refuse("verify", found, f"{wanted} beside the other steps of signatures")

    def _misfit(self, step: VerifyStep) -> str:
        """Say why a step cannot be, or nothing."""
        if step in MANIFEST_STEPS and self.manifest is Manifest.NONE:
            return ' where image.manifest is "none"'
        if step in RAW_STEPS and self.container is not Container.GBCS:
            return f': container "{self.container}" has no trailer'
        if step in ELEMENT_STEPS and self.container is not Container.ZCL:
            return f': container "{self.container}" has no sub-elements'
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BootProfile(Section):
    """Say how often and how long a new image is tried before the old one comes back."""

    TABLE: ClassVar[str] = "boot"

    scheme: BootScheme
    trial_boots: Tries
    confirm_within_s: Seconds
    trial_checkpoint_s: Seconds
    confirm_after_s: SecondsOrNone
    confirm_pause_max_s: SecondsOrNone
    confirm_pause_hold_s: Seconds
    confirm_requires: tuple[Requirement, ...] = (Requirement.HUB,)
    retry_after_s: SecondsOrNone
    retries: Retries
    fallback_below_counter: Fallback

    def _check(self) -> None:
        if self.confirm_after_s >= self.confirm_within_s:
            expected = f"less than confirm_within_s ({self.confirm_within_s})"
            self._refuse("confirm_after_s", str(self.confirm_after_s), expected)
        if self.trial_checkpoint_s > self.confirm_within_s:
            expected = f"at most confirm_within_s ({self.confirm_within_s})"
            self._refuse("trial_checkpoint_s", str(self.trial_checkpoint_s), expected)
        requires = self.confirm_requires
        if Requirement.HUB not in requires or len(set(requires)) < len(requires):
            found = "[" + ", ".join(f'"{one}"' for one in requires) + "]"
            self._refuse(
                "confirm_requires", found, f'each once, and "{Requirement.HUB}" among them'
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class RadioProfile(Section):
    """Say what the radio layer of the emulated bridge keeps and does."""

    TABLE: ClassVar[str] = "radio"

    frame_counter_leap: CounterLeap
    rejoin_retry_s: Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class SleepProfile(Section):
    """Say how a sleepy bridge fetches what its parent holds for it."""

    TABLE: ClassVar[str] = "sleep"

    poll_ms: Milliseconds
    fast_poll_ms: Milliseconds
    linger_ms: MillisecondsOrNone = 0

    def _check(self) -> None:
        if self.fast_poll_ms > self.poll_ms:
            self._refuse(
                "fast_poll_ms", str(self.fast_poll_ms), f"at most poll_ms ({self.poll_ms})"
            )


#: A name stands in report rows and in file names of traces.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Be one bridge type: values only, no behaviour."""

    name: str
    about: str
    role: Role
    power: Power
    ota: OtaProfile
    basic: BasicProfile = ORDINARY
    image: ImageProfile
    trust: TrustProfile | None = None
    flash: FlashProfile
    boot: BootProfile
    radio: RadioProfile
    link: LinkProfile = ORDINARY_LINK
    sleep: SleepProfile | None = None
    battery: BatteryProfile | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            refuse("name", json.dumps(self.name), "1..32 letters, digits, '.', '_' or '-'")
        if not self.about.strip() or not self.about.isprintable():
            refuse("about", json.dumps(self.about), "one line of printable text")
        slots = [end - start for start, end in (self.flash.slot_a, self.flash.slot_b)]
        if slots[0] != slots[1]:  # what fits one slot must fit the other
            refuse("flash.slot_b", f"{slots[1]} octets", f"{slots[0]} octets, as slot_a")
        if self.boot.scheme is BootScheme.SWAP:
            self._check_scratch(slots[0])
        more = len(self.ota.more_image_types)
        if more and not self.flash.parts_of_extra(more):
            found = "nothing" if self.flash.extra is None else span(self.flash.extra)
            refuse("flash.extra", found, f"a sector or more for each of {more} more image types")
        if self.battery is not None and self.power is not Power.BATTERY:
            refuse("battery", "a table", f'none where power is "{self.power}"')
        self._check_trust()

    def _check_scratch(self, slot: Octets) -> None:
        """See that slots can be exchanged, in steps that a boot record can count."""
        start, end = self.flash.scratch or (0, 0)
        least = SWAP_STEPS * slot // MOST_SWAP_STEPS
        if end - start <= least:
            found = "nothing" if self.flash.scratch is None else span(self.flash.scratch)
            expected = f'more than {least} octets where boot.scheme is "swap"'
            refuse("flash.scratch", found, expected)
        homes = (self.flash.slot_a, self.flash.slot_b, (start, end))
        sector = max(self.flash.chip_of(one[0]).erase_size_octets for one in homes)
        for key, octets in (("flash.slot_a", slot), ("flash.scratch", end - start)):
            if octets % sector:
                expected = f"a multiple of {sector}, the largest sector that images move through"
                refuse(key, f"{octets} octets", expected)

    def _check_trust(self) -> None:
        """See that no step is without what it must believe."""
        for step in self.image.verify:
            name, what = TRUST_OF.get(step, ("", ""))
            if name and not getattr(self.trust, name, None):
                refuse(f"trust.{name}", "nothing", f'{what}: image.verify has "{step}"')


def keys() -> tuple[str, ...]:
    """Return every dotted key that a profile may have, in the order of the model."""
    found: list[str] = []
    for name, hint in get_type_hints(Profile).items():
        section = section_of(hint)
        found += [f"{name}.{field.name}" for field in fields(section)] if section else [name]
    return tuple(found)
