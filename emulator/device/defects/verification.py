"""Hold the defects of image verification."""

from collections.abc import Callable
from dataclasses import replace

from emulator.device.defects.model import Defect, with_parts
from emulator.device.defects.steps import seeing, with_steps
from emulator.device.parts import Parts
from emulator.device.store import DownloadStore
from emulator.image.judgement import Expectation, Reading, Refusal, Step
from emulator.image.verify import STEPS
from emulator.ota.ports import Offer
from emulator.wire.ota_file import ELEMENT_HEAD_SIZE, MAGIC, ElementHead, ElementTag, OtaFile
from emulator.wire.ota_reader import FindingCode


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


def _cut_at_the_magic(reading: Reading) -> Reading:
    start = max(reading.octets.find(MAGIC), 0)
    size = reading.against.offered_size - start
    return Reading(reading.octets[start:], replace(reading.against, offered_size=size))


def _with_lengths_of_16_bits(reading: Reading) -> Reading:
    """Clear the upper half of every length: a walk that never sees it goes by the lower one."""
    octets, at = bytearray(reading.octets), reading.header.size
    while at + ELEMENT_HEAD_SIZE <= len(octets):
        octets[at + 4 : at + ELEMENT_HEAD_SIZE] = bytes(2)
        head, at = ElementHead.decode_at(bytes(octets), at)
        at += head.size
    return Reading(bytes(octets), reading.against)


def _up_to_an_unknown_tag(reading: Reading) -> Reading:
    """Cut the file, and its total size, before the first element of an unknown tag."""
    file = reading.file
    for place, element in enumerate(file.elements):
        if element.tag not in tuple(ElementTag):
            header = replace(file.header, total_size=file.offsets()[place])
            cut = OtaFile(header=header, elements=file.elements[:place])
            return Reading(cut.encode(), reading.against)
    return reading


def _last_image_alone(reading: Reading) -> Reading:
    """Take out every upgrade image but the last."""
    file = reading.file
    images = [element for element in file.elements if element.tag == ElementTag.UPGRADE_IMAGE]
    kept = (e for e in file.elements if e.tag != ElementTag.UPGRADE_IMAGE or e is images[-1])
    return Reading(replace(file, elements=tuple(kept)).encode(), reading.against)


def _forgives_stray_octets(reading: Reading) -> Refusal | None:
    fatal = {finding.code for finding in reading.findings if finding.fatal}
    return None if fatal == {FindingCode.STRAY_OCTETS} else STEPS["structure"](reading)


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
        caught_by=(
            "image_for_another_device_is_refused",
            "file_is_judged_as_expected",
            "file_is_read_as_laid_out",
        ),
        vectors=("IV-010", "FF-117"),
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
        caught_by=(
            "image_for_other_hardware_is_refused",
            "file_is_judged_as_expected",
            "file_is_read_as_laid_out",
        ),
        vectors=("IV-011", "FF-104"),
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
        vectors=("FF-012", "FF-088", "FF-222"),
    ),
    Defect(
        id="D107",
        title="refuses sub-elements that it does not know",
        copies="[EX-C] flags them",
        parts=with_parts(steps={**STEPS, "structure": _knows_every_tag}),
        caught_by=("unknown_elements_are_skipped", "file_is_read_as_laid_out"),
        vectors=("FF-002", "FF-003", "FF-150"),
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
            "file_is_read_as_laid_out",
        ),
        vectors=("FF-007", "FF-120", "FF-143"),
    ),
    Defect(
        id="D110",
        title="cuts off what stands before the file identifier and goes on",
        copies="[HM] does so for servers; GB-011",
        parts=with_steps(seeing(_cut_at_the_magic, *STEPS)),
        caught_by=("file_is_read_as_laid_out",),
        vectors=("FF-008", "FF-032", "FF-033"),
    ),
    Defect(
        id="D111",
        title="reads the length of a sub-element as 16 bits",
        copies="ZCL rev 8, 11.4.3; OTA-F-009",
        parts=with_steps(seeing(_with_lengths_of_16_bits, "structure")),
        caught_by=("file_is_read_as_laid_out",),
        vectors=("FF-129", "FF-131", "FF-134"),
    ),
    Defect(
        id="D112",
        title="reads no further than the first tag that it does not know",
        copies="OTA-C-087",
        parts=with_steps(seeing(_up_to_an_unknown_tag, "structure")),
        caught_by=("file_is_read_as_laid_out",),
        vectors=("FF-140", "FF-146", "FF-186"),
    ),
    Defect(
        id="D113",
        title="overlooks octets behind the last sub-element",
        copies="OTA-F-007; zigpy 599 is on padding in real files",
        parts=with_steps({"structure": _forgives_stray_octets}),
        caught_by=("file_is_read_as_laid_out",),
        vectors=("FF-004", "FF-123", "FF-125"),
    ),
    Defect(
        id="D114",
        title="takes the last of several upgrade images",
        copies="OTA-F-007; what is verified must be what runs",
        parts=with_steps(seeing(_last_image_alone, "manifest")),
        caught_by=("file_is_read_as_laid_out",),
        vectors=("FF-165", "FF-166"),
    ),
)
