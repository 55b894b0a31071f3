"""Make a device that stands for a maker's: four signed versions, and a mute one among them."""

from emulator.image.edits import apply
from emulator.profiles.load import load, names, overlay
from emulator.profiles.model import Profile
from emulator.units import Octets
from emulator.wire.manifest import Trait
from harness.bench import DUT_EUI64
from harness.dut.model import Dut, Ladder, Restore, Rung, Step
from harness.firmware import FIRST_VERSION, NEXT_VERSION, built, filler
from harness.vectors.bases import KeyRing, trust

#: Octets of the payload of each version: no case wants more of one device.
_PAYLOAD: Octets = 12_000
_VERSIONS = (FIRST_VERSION, NEXT_VERSION, NEXT_VERSION + 1, NEXT_VERSION + 2)
#: Who signs it: the signer of our vectors, whose key is no secret.
_SIGNER = "trusted-2"
_STEPS = ("signer", "certificate", "signature_suite2")


def example(*, key: bool) -> Dut:
    """Return the device, as its DUT file would be read.

    Args:
        key: Whether the file has the maker's test key.
    """
    profile = load(names()[0])
    steps = [str(step) for step in profile.image.verify]
    profile = overlay(profile, {"image.verify": [*steps, *_STEPS], "trust": trust()})
    mute = _rung(profile, NEXT_VERSION, Trait.MUTE)
    return Dut(
        name="example",
        file="example.toml",
        profile=profile,
        eui64=DUT_EUI64,
        ladder=Ladder(
            rungs=tuple(_rung(profile, version) for version in _VERSIONS),
            special=(mute,),
            steps=frozenset(Step),
            restore=Restore.DOWNGRADE,
        ),
        key=KeyRing()[_SIGNER] if key else None,
    )


def _rung(profile: Profile, version: int, traits: Trait = Trait(0)) -> Rung:  # noqa: B008 - an enum value
    payload = filler(_PAYLOAD, version)
    image = built(profile, payload, version, traits=traits, integrity=False)
    octets = apply(image, [{"sign": _SIGNER}], KeyRing())
    return Rung(file=f"{version:08x}.ota", version=version, octets=octets, traits=traits)
