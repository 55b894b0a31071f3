"""Read vectors as the cases that play them do, before any device is there: a slip ends here."""

import re
from collections.abc import Callable, Iterator, Mapping

from emulator.errors import ProfileError
from emulator.profiles.load import load, names, overlay
from emulator.wire.codec import COMMANDS
from emulator.wire.zcl import GENERAL
from harness.vectors import rollback_script, session_script
from harness.vectors.fit import BLOCK_OCTETS, block_range, settings_of
from harness.vectors.frames import JUDGED_AT, OWN_AT, SIZES
from harness.vectors.image_verify import OFFERS, trial_of
from harness.vectors.load import shown
from harness.vectors.model import Vector, VectorError
from harness.vectors.session_terms import ScriptError
from harness.verdict import Unsupported

#: What an answer of a frame vector may be called beside the commands.
_OTHER_ANSWERS = frozenset({"default", "general"})
#: A field of a recipe of a rollback vector.
_RECIPE = re.compile(r"images\.[^.]+\.")
#: What a frame vector says at some stages only.
_OF_STAGES = ("moves", "then", "applies")
_NAMES = frozenset(kind.__name__ for kind in (*COMMANDS.values(), *GENERAL.values()))


def slips(vector: Vector) -> Iterator[VectorError]:
    """Yield why no case can play a vector, though its form is right."""
    if vector.family in OFFERS:
        yield from _of_offer(vector)
    elif (found := _SLIPS.get(vector.family)) is not None:
        yield from found(vector)


def _of_offer(vector: Vector) -> Iterator[VectorError]:
    """Yield why no device can be offered what a vector says."""
    try:
        trial_of(vector, load(names()[0]))
    except VectorError as error:
        if not error.field.startswith("image"):  # what its recipes lack, digests tell
            yield error
    except (ProfileError, Unsupported) as error:
        yield vector.error("needs", str(error), "what a bridge can have")


def _of_session(vector: Vector) -> Iterator[VectorError]:
    yield from _of_needs(vector)
    try:
        session_script.read_script(vector.id, vector.body)
    except ScriptError as error:
        where, _, said = str(error).removeprefix(f"{vector.id}: ").partition("found ")
        found, _, wanted = said.partition(", wanted ")
        yield vector.error(where.rstrip(": "), found, wanted)


def _of_rollback(vector: Vector) -> Iterator[VectorError]:
    try:
        rollback_script.read_script(vector)
        rollback_script.changes_for(vector, load(names()[0]))
    except VectorError as error:
        if not _RECIPE.match(error.field):  # what its recipes lack, digests tell
            yield error


def _of_frame(vector: Vector) -> Iterator[VectorError]:
    yield from _of_needs(vector)
    yield from _of_answers(vector)
    if (device := vector.body.get("device")) is None:
        return
    stage, expect = device["stage"], vector.body["expect"]
    octets = len(vector.body["octets"]) // 2
    for at, place in enumerate(vector.body.get("own", ())):
        name = place["is"]
        if name not in OWN_AT[stage]:
            wanted = f"one of {', '.join(OWN_AT[stage])}, for stage {stage}"
            yield vector.error(f"own[{at}].is", shown(name), wanted)
        end = place["at"] + (SIZES.get(name) or place["octets"])
        if end > octets:
            yield vector.error(f"own[{at}]", f"a place that ends at {end}", f"{octets} at most")
    judged = JUDGED_AT[stage]
    for name in _OF_STAGES:
        if (name in expect) != (name in judged):
            found = shown(expect[name]) if name in expect else "nothing"
            wanted = f"{', '.join(judged) or 'nothing of the kind'}, for stage {stage}"
            yield vector.error(f"expect.{name}", found, wanted)
    least, most = expect.get("waits_s", (0, 0))
    if least > most:
        yield vector.error("expect.waits_s", f"{least} before {most}", "the least first")


def _of_answers(vector: Vector) -> Iterator[VectorError]:
    for at, answer in enumerate(vector.body["expect"]["answers"]):
        for each in answer:
            if each.partition(":")[0] not in _NAMES | _OTHER_ANSWERS:
                wanted = "the name of a command, default or general"
                yield vector.error(f"expect.answers[{at}]", shown(each), wanted)
        if answer != sorted(answer):
            yield vector.error(f"expect.answers[{at}]", shown(answer), shown(sorted(answer)))


def _of_needs(vector: Vector) -> Iterator[VectorError]:
    """Yield why no profile can have the values that a vector needs."""
    try:
        overlay(load(names()[0]), settings_of(vector))
    except ProfileError as error:
        yield vector.error("needs", str(error), "values that a profile may have")
    least, most = block_range(vector)
    if least > most:
        yield vector.error(f"needs.{BLOCK_OCTETS}", f"{least} before {most}", "the least first")


_SLIPS: Mapping[str, Callable[[Vector], Iterator[VectorError]]] = {
    "session": _of_session,
    "rollback": _of_rollback,
    "frames": _of_frame,
}
