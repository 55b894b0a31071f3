"""Make the bad file of a vector from a maker's good one, by damage, where that means the same.

A file so made proves that the device refuses it, and not which of its checks did.
"""

from collections.abc import Mapping
from typing import Any

from emulator.errors import HanoverError
from emulator.image.edits import apply
from emulator.image.keys import GbSigner, Signer
from emulator.profiles.model import PROOFS, VerifyStep
from emulator.wire.ota_reader import read
from harness.bench import Bench
from harness.dut.firmware import SEALS
from harness.dut.model import Dut
from harness.vectors.image_verify import Trial, offer_of
from harness.vectors.model import Vector
from harness.vectors.recipes import honest
from harness.verdict import Unsupported

#: The verbs of edits that take a key, and what the keys are called that a device trusts.
_SIGNING = ("sign", "certificate", "signature", "trailer")


def refuse_unmade(vector: Vector, dut: Dut) -> None:
    """Find out from vector and DUT file alone whether there can be such a file for the device.

    Raises:
        Unsupported: There cannot.
    """
    expect, image, needs = _expect(vector), vector.body["image"], vector.needs
    if expect["boots"] != "old" or "SUCCESS" in expect["end_status"]:
        raise Unsupported("needs a good file that is unusual, and only the maker makes those")
    if "base" not in image or image.get("build"):
        raise Unsupported("needs a file that is built anew, and no good one that is damaged")
    if "running" in needs or "changes" in needs:
        raise Unsupported("needs a device that is made for the vector")
    own = dut.profile.image
    for name, held in (("container", own.container), ("manifest", own.manifest)):
        if needs.get(name, held) != held:
            raise Unsupported(f"needs a device whose image.{name} is {needs[name]}")
    if "file_version" in vector.body.get("offer", {}):
        raise Unsupported("needs the file versions of the vector, and the ladder has its own")
    steps = {str(step) for step in own.verify}
    if lacking := [step for step in needs.get("verify", ()) if step not in steps]:
        raise Unsupported(f"the device states no check of {', '.join(lacking)}")
    if besides := [step for step in needs.get("without", ()) if step in steps]:
        raise Unsupported(f"needs a device without the check of {', '.join(besides)}")
    for edit in image.get("edits", ()):
        for verb in _SIGNING:
            if verb in edit and edit[verb] not in _keys(dut):
                raise Unsupported(f"needs the key {edit[verb]}, and the DUT file has no such key")


def damaged(vector: Vector, dut: Dut, bench: Bench) -> Trial:
    """Return what is offered to a device under test: its next version, damaged.

    Raises:
        Unsupported: The damage says nothing of this file.
    """
    good = bench.image()
    base = honest(vector.body["image"]["base"], {}, dut.identity, vector.folder)
    wanted, found = _parts(base), _parts(good)
    sealed = tuple(part for part in found if part in wanted or part not in SEALS)
    checked = {VerifyStep.INTEGRITY, *PROOFS} & set(dut.profile.image.verify)
    if wanted != found and not (checked and wanted == sealed):
        raise Unsupported(f"needs a file of {_said(wanted)}, the maker's has {_said(found)}")
    try:
        bad = apply(good, vector.body["image"].get("edits", ()), _keys(dut))
    except HanoverError as error:
        raise Unsupported(f"the maker's file cannot be damaged so: {error}") from None
    if bad == good and "offer" not in vector.body:
        raise Unsupported("the damage leaves the maker's file as it is")
    header = read(good)[0].header
    return Trial(
        profile=dut.profile,
        first_image=b"",
        first_version=bench.version(0),
        offer=offer_of(vector, bad, dut.identity, header),
        statuses=tuple(_expect(vector)["end_status"]),
        version=bench.version(0),
        control=good,
        control_version=bench.version(1),
    )


def _expect(vector: Vector) -> Mapping[str, Any]:
    expect: Mapping[str, Any] = vector.body["expect"]
    found: Mapping[str, Any] = expect.get("device", expect)
    return found


def _keys(dut: Dut) -> dict[str, Signer | GbSigner]:
    """Return the keys that edits may name: the maker's, under the names of those trusted."""
    key = dut.key
    if key is None:
        return {}
    return {"gb-trusted" if isinstance(key, GbSigner) else f"trusted-{key.suite.value}": key}


def _parts(octets: bytes) -> tuple[int, ...]:
    """Return the parts of a file by tag, in order: edits name places by them.

    What seals all octets before it may stand behind in a maker's file: no change then passes it.
    """
    file, _ = read(octets)
    return tuple(element.tag for element in file.elements)


def _said(parts: tuple[int, ...]) -> str:
    return f"tags {' '.join(f'{tag:#06x}' for tag in parts)}" if parts else "no sub-elements"
