"""Hold the defects of image verification."""

from collections.abc import Callable
from dataclasses import replace

from emulator.device.defects.model import Defect, with_parts
from emulator.device.parts import Parts
from emulator.device.store import DownloadStore
from emulator.image.judgement import Expectation, Reading, Refusal, Step
from emulator.image.verify import STEPS
from emulator.ota.ports import Offer
from emulator.wire.ota_file import ElementTag


def _accept(reading: Reading) -> Refusal | None:
    return None


def _without(*names: str) -> Parts:
    return with_parts(steps={**STEPS, **dict.fromkeys(names, _accept)})


def _believing(name: str, belief: Callable[[Reading], Expectation]) -> Step:
    """Return a step that expects what the file makes it believe."""
    true = STEPS[name]

    def step(reading: Reading) -> Refusal | None:
        return true(Reading(reading.octets, belief(reading)))

    return step


def _offered_what_came(reading: Reading) -> Expectation:
    return replace(reading.against, offered_version=reading.header.file_version)


def _is_the_hardware(reading: Reading) -> Expectation:
    low = reading.header.minimum_hardware
    return reading.against if low is None else replace(reading.against, hardware_version=low)


def _knows_every_tag(reading: Reading) -> Refusal | None:
    for element in reading.file.elements:
        if element.tag not in tuple(ElementTag):
            return Refusal(
                step="structure",
                clause="ZCL 11.4.4",
                found=f"tag {element.tag:#06x}",
                expected="a known tag",
            )
    return STEPS["structure"](reading)


class _BearsAGrudge(DownloadStore):
    """Remember a refused image as one that failed its trial."""

    _grudges: tuple[Offer, ...] = ()

    def discard(self) -> None:
        if (held := self.held) is not None:
            self._grudges = (*self._grudges, held)
        super().discard()

    def failed_before(self, offer: Offer) -> bool:
        known = any(grudge.file_version == offer.file_version for grudge in self._grudges)
        return known or super().failed_before(offer)


DEFECTS: tuple[Defect, ...] = (
    Defect(
        id="D101",
        title="the header is not held against the offer",
        copies="GB-008; [TL] compares type, version and size only in part",
        parts=with_parts(steps={**STEPS, "header": _believing("header", _offered_what_came)}),
        caught_by=("image_of_another_version_is_refused",),
    ),
    Defect(
        id="D102",
        title="the destination is not looked at",
        copies="ZCL rev 8, 11.4.2.12",
        parts=_without("destination"),
        caught_by=("image_for_another_device_is_refused", "file_is_judged_as_expected"),
        vectors=("IV-010",),
    ),
    Defect(
        id="D103",
        title="the hardware range is not looked at",
        copies="zigpy 1566, herdsman-converters 9356",
        parts=with_parts(
            steps={
                **STEPS,
                "hardware": _accept,
                "manifest": _believing("manifest", _is_the_hardware),
            }
        ),
        caught_by=("image_for_other_hardware_is_refused", "file_is_judged_as_expected"),
        vectors=("IV-011",),
    ),
    Defect(
        id="D104",
        title="the image's own manifest is not looked at",
        copies="GB-008, GB-009",
        parts=_without("manifest"),
        caught_by=(
            "altered_image_is_refused",
            "header_that_outbids_the_manifest_is_refused",
            "file_is_judged_as_expected",
        ),
        vectors=("IV-012",),
    ),
    Defect(
        id="D105",
        title="the integrity code is not computed",
        copies="ZigBee OTA 095264r23 6.3.10.1",
        parts=_without("integrity"),
        caught_by=("wrong_integrity_code_is_refused", "file_is_judged_as_expected"),
        vectors=("IV-008",),
    ),
    Defect(
        id="D106",
        title="the size in the header is not looked at",
        copies="ZCL rev 8, 11.4.2.10",
        parts=_without("size"),
        caught_by=("size_that_is_not_the_headers_is_refused", "file_is_read_as_laid_out"),
        vectors=("FF-012",),
    ),
    Defect(
        id="D107",
        title="refuses sub-elements that it does not know",
        copies="[EX-C] flags them",
        parts=with_parts(steps={**STEPS, "structure": _knows_every_tag}),
        caught_by=("unknown_elements_are_skipped", "file_is_read_as_laid_out"),
        vectors=("FF-002", "FF-003"),
    ),
    Defect(
        id="D108",
        title="takes no version again that it refused once",
        copies="zigbee-OTA 328 (Legrand)",
        parts=with_parts(store=_BearsAGrudge),
        caught_by=("refused_image_does_no_lasting_harm",),
    ),
    Defect(
        id="D109",
        title="nothing is verified",
        copies="gb-alt-han T11",
        parts=_without(*STEPS),
        caught_by=(
            "header_that_is_not_the_offered_one_is_refused",
            "altered_image_is_refused",
        ),
    ),
)
