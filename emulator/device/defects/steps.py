"""Hold the tools that defects of verification are made with: steps left out, or seen otherwise."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from emulator.device.defects.model import Defect, with_parts
from emulator.device.parts import Parts
from emulator.image.judgement import Reading, Refusal, Step
from emulator.image.verify import STEPS

#: What a step takes a file for.
View: TypeAlias = Callable[[Reading], Reading]

SUITE_STEPS = ("signature_suite1", "signature_suite2")
SIGNED_STEPS = ("signer", "certificate", *SUITE_STEPS)


def accept(reading: Reading) -> Refusal | None:
    """Accept whatever it is."""
    return None


def with_steps(steps: Mapping[str, Step]) -> Parts:
    """Return the parts of a bridge with some steps replaced."""
    return with_parts(steps={**STEPS, **steps})


def without(*names: str) -> Parts:
    """Return the parts of a bridge whose steps of these names accept everything."""
    return with_steps(dict.fromkeys(names, accept))


def seeing(view: View, *names: str) -> dict[str, Step]:
    """Return sound steps that judge what a view makes of the file."""
    return {name: _through(view, STEPS[name]) for name in names}


def _through(view: View, sound: Step) -> Step:
    def step(reading: Reading) -> Refusal | None:
        return sound(view(reading))

    return step


def judged(*, id: str, title: str, copies: str, parts: Parts, vectors: tuple[str, ...]) -> Defect:
    """Return a defect that vectors of ``image_verify`` tell, one row of their case each."""
    return Defect(
        id=id,
        title=title,
        copies=copies,
        parts=parts,
        caught_by=("file_is_judged_as_expected",),
        vectors=vectors,
    )
