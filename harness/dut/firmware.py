"""Take a bench's images from a ladder: the maker's files, and what may be made of them."""

from dataclasses import replace
from typing import Unpack

from emulator.errors import ImageError, WireError
from emulator.image.build import refit_integrity
from emulator.image.edits import apply
from emulator.profiles.model import PROOFS
from emulator.wire.manifest import MAGIC, ImageManifest, Trait
from emulator.wire.ota_file import (
    Container,
    Element,
    ElementTag,
    HeaderControl,
    OtaFile,
)
from emulator.wire.ota_reader import read
from harness.dut.model import Dut, Rung, Step
from harness.firmware import Wish
from harness.verdict import Unsupported

#: Sub-elements that nobody knows: a vendor's tag, and a reserved one.
_UNKNOWN = (Element(0xF123, b"a vendor's own"), Element(0x0007, b"reserved"))
#: What says who made a file, and what else depends on all octets before it.
_SIGNATURES = frozenset(
    {
        *(ElementTag.CERTIFICATE_SUITE_1, ElementTag.SIGNATURE_SUITE_1),
        *(ElementTag.CERTIFICATE_SUITE_2, ElementTag.SIGNATURE_SUITE_2),
    }
)
SEALS = _SIGNATURES | {ElementTag.INTEGRITY_CODE}


class LadderFirmware:
    """Offer the versions of a DUT file, counted from the one that a case starts with."""

    def __init__(self, dut: Dut, start: int = 0) -> None:
        self._dut, self._start = dut, start

    def version(self, step: int) -> int:
        """Return the version ``step`` rungs above the start.

        Raises:
            Unsupported: The ladder ends before.
        """
        rungs, at = self._dut.ladder.rungs, self._start + step
        if not 0 <= at < len(rungs):
            above = len(rungs) - 1 - self._start
            side, there = ("above", above) if step > 0 else ("below", self._start)
            first = rungs[self._start].version
            raise Unsupported(
                f"needs version {abs(step)} {side} {first:#010x}, the ladder has {there}"
            )
        return rungs[at].version

    def image(self, version: int, **wish: Unpack[Wish]) -> bytes:
        """Return the maker's file of a version, changed as wished where that can be.

        Raises:
            Unsupported: The maker gave none that is so, and none can be made without their key.
        """
        rung = self._rung(version, wish.get("traits", Trait(0)))
        if (size := wish.get("size", 0)) > len(rung.octets):
            raise Unsupported(
                f"needs an image of {size} octets, {rung.file} has {len(rung.octets)}"
            )
        hardware, destination = wish.get("hardware"), wish.get("destination")
        if hardware is None and destination is None:
            return rung.octets
        file, _ = read(rung.octets)
        header = file.header
        if hardware is not None:
            header = replace(
                header,
                control=header.control | HeaderControl.HARDWARE_VERSIONS,
                minimum_hardware=hardware[0],
                maximum_hardware=hardware[1],
            )
        if destination is not None:
            control = header.control | HeaderControl.DESTINATION
            header = replace(header, control=control, destination=destination)
        return self._sealed(replace(file, header=replace(header, header_length=header.size)))

    def check_step(self, running: int, version: int) -> None:
        """See that the device goes from the version that it runs to the one that it is offered.

        Raises:
            Unsupported: A version lies between, and ``steps`` has no way past one.
        """
        ladder = self._dut.ladder
        here, there = ladder.at(running), ladder.at(version)
        if Step.SKIP in ladder.steps or here is None or there is None or there <= here + 1:
            return
        told = f"{running:#010x} to {version:#010x}"
        raise Unsupported(f'needs a step past a version, {told}: ladder.steps has no "skip"')

    def with_unknown_elements(self) -> bytes:
        """Return the next version with sub-elements that nobody knows behind the firmware.

        Raises:
            Unsupported: Its container has none, or it cannot be sealed anew.
        """
        container = self._dut.profile.image.container
        if container is not Container.ZCL:
            raise Unsupported(f"a {container} container has no sub-elements")
        file, _ = read(self._rung(self.version(1), Trait(0)).octets)
        seals = [one for one in file.elements if one.tag in SEALS]
        plain = [one for one in file.elements if one.tag not in SEALS]
        return self._sealed(replace(file, elements=(*plain, *_UNKNOWN, *seals)))

    def _rung(self, version: int, traits: Trait) -> Rung:
        ladder = self._dut.ladder
        among = ladder.special if traits else ladder.rungs
        for rung in among:
            if rung.version == version and rung.traits == traits:
                return rung
        what = f"needs version {version:#010x}"
        if traits:
            raise Unsupported(f"{what} that is {_names(traits)}, ladder.special has none")
        raise Unsupported(f"{what}, the ladder has none")

    def _sealed(self, file: OtaFile) -> bytes:
        """Encode a changed file so that the device finds nothing wrong with it.

        Raises:
            Unsupported: That takes the maker's key.
        """
        dut, tags = self._dut, {one.tag for one in file.elements}
        proven = any(step in PROOFS for step in dut.profile.image.verify)
        if dut.key is None and (proven or file.signature is not None or tags & _SIGNATURES):
            raise Unsupported("needs an image that is signed anew, and the DUT file has no key")
        kept = tuple(one for one in file.elements if one.tag not in SEALS)
        try:
            if dut.key is not None:
                plain = replace(file, elements=kept, signature=None)
                return apply(_fitted(plain), [{"sign": "test"}], {"test": dut.key})
            fitted = _fitted(file)
            return refit_integrity(fitted) if ElementTag.INTEGRITY_CODE in tags else fitted
        except (ImageError, WireError, ValueError) as error:
            raise Unsupported(f"its image cannot be made anew: {error}") from None


def _fitted(file: OtaFile) -> bytes:
    """Return a file that says its size, and whose image manifest says what its header does."""
    octets = apply(file.encode(), [{"refit": "size"}])
    header, image = file.header, file.image or b""
    low, high = header.minimum_hardware, header.maximum_hardware
    if not image.startswith(MAGIC) or low is None or high is None:
        return octets
    manifest, _ = ImageManifest.decode(image)
    manifest = replace(manifest, minimum_hardware=low, maximum_hardware=high)
    at, encoded = octets.index(image), manifest.encode()
    return octets[:at] + encoded + octets[at + len(encoded) :]


def _names(traits: Trait) -> str:
    return " and ".join(one.name.lower() for one in Trait if one in traits and one.name)
