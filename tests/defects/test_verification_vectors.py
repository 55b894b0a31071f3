"""Hold every vector of ``image_verify`` against sound verification, and against each broken one.

Files go straight to the steps here, so that all vectors meet all defects in seconds; on the bench
``test_kill`` runs the few vectors that a defect names.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from emulator.crypto import ecdsa
from emulator.device.defects.catalogue import DEFECTS
from emulator.device.defects.model import Defect
from emulator.device.parts import SOUND
from emulator.errors import HanoverError
from emulator.image import signatures
from emulator.image.judgement import Reading, Refusal, Step, Verdict
from emulator.image.verify import STEPS, verify
from tests.defects.vector_files import cases

#: An honest file of each kind that there is.
HONEST = {
    "IV-168": "sub-elements alone",
    "IV-007": "integrity code",
    "IV-002": "suite 1",
    "IV-001": "suite 2",
    "IV-150": "raw container",
    "IV-013": "raw container with a trailer",
}
#: Flags that say only which of two likes a vector is about.
LIKES = frozenset({"Suite1", "Suite2"})
#: Defects that name vectors of this family and change no step: the bench alone tells them.
OF_THE_STORE = {"D166", "D167"}

OF_STEPS = [one for one in DEFECTS.values() if one.parts.steps is not SOUND.steps]
NAMING = [one for one in OF_STEPS if any(id.startswith("IV-") for id in one.vectors)]


@pytest.fixture(scope="module", autouse=True)
def _quick() -> Iterator[None]:
    """Calculate each signature once: the same question gets the same answer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ecdsa, "verify", cache(ecdsa.verify))
        patch.setattr(signatures, "reconstruct", cache(signatures.reconstruct))
        yield


@cache
def sound(id: str) -> Verdict:
    """Return the verdict of a sound bridge on a vector."""
    case = cases()[id]
    return verify(case.octets, case.against, case.steps, table=REMEMBERED)


def remembering(true: Step) -> Step:
    """Return a step that judges the same file once."""
    kept: dict[Any, Refusal | HanoverError | None] = {}

    def step(reading: Reading) -> Refusal | None:
        key = (reading.octets, reading.against)
        if key not in kept:
            try:
                kept[key] = true(reading)
            except HanoverError as error:
                kept[key] = error
        found = kept[key]
        if isinstance(found, HanoverError):
            raise found
        return found

    return step


REMEMBERED = {name: remembering(step) for name, step in STEPS.items()}


@cache
def erred(id: str) -> frozenset[str]:
    """Return the vectors on which a bridge with a defect judges other than they say."""
    steps = DEFECTS[id].parts.steps
    table = {n: REMEMBERED[n] if step is STEPS[n] else step for n, step in steps.items()}
    changed = {name for name, step in steps.items() if step is not STEPS[name]}
    return frozenset(
        id
        for id, case in cases().items()
        if not changed.isdisjoint(case.steps)
        and verify(case.octets, case.against, case.steps, table=table).accepted != case.accepted
    )


def test_sound_steps_judge_every_vector_as_it_says() -> None:
    """Accept where SUCCESS is in the accept list, refuse where it is not: all reach the steps."""
    assert len(cases()) >= 300
    wrong = {
        id: sound(id).refusal for id, case in cases().items() if sound(id).accepted != case.accepted
    }
    assert wrong == {}
    assert {case.accepted for case in cases().values()} == {True, False}


@pytest.mark.parametrize("defect", NAMING, ids=lambda one: one.id)
def test_defect_errs_on_the_vectors_that_it_names(defect: Defect) -> None:
    assert erred(defect.id) >= {id for id in defect.vectors if id.startswith("IV-")}


@pytest.mark.parametrize("defect", OF_STEPS, ids=lambda one: one.id)
def test_defect_takes_honest_files_unless_to_refuse_them_is_the_fault(defect: Defect) -> None:
    """A defect that is too lax takes all; one that is too strict names what it refuses."""
    refused = erred(defect.id) & HONEST.keys()
    named = {id for id in defect.vectors if id in cases() and cases()[id].accepted}
    assert not refused or refused & named
    assert refused != HONEST.keys()


def test_honest_files_are_of_every_kind_and_taken() -> None:
    assert all(cases()[id].accepted and sound(id).accepted for id in HONEST)


def test_enough_defects_name_vectors() -> None:
    assert len(NAMING) >= 45
    others = {
        one.id
        for one in DEFECTS.values()
        if one not in NAMING and any(id.startswith("IV-") for id in one.vectors)
    }
    assert others == OF_THE_STORE


def test_some_defect_errs_on_every_vector() -> None:
    """Only honest files may be taken by all; to take the others is a fault, and mostly of one step.

    D109 verifies nothing: what it alone takes is refused by more than one step of a sound bridge.
    """
    told = frozenset().union(*(erred(one.id) for one in OF_STEPS if one.id != "D109"))
    assert len(told) >= 250
    assert all(cases()[id].accepted for id in cases().keys() - told - erred("D109"))


def test_vectors_fall_into_enough_classes() -> None:
    """Tell two vectors apart by their flags, the suite's left out, and the defects that err."""
    rows = {id: frozenset(one.id for one in OF_STEPS if id in erred(one.id)) for id in cases()}
    by_flags = {(frozenset(cases()[id].vector.flags) - LIKES, rows[id]) for id in rows}
    assert len(by_flags) >= 180
    assert len(set(rows.values())) >= 50
