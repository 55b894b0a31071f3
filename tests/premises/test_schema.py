"""Every outcome of a home keeps to its JSON schema, and the schema refuses what is none."""

import copy
import json
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import jsonschema
import pytest

from emulator.profiles.model import Role
from harness.premises.conductor import Conductor
from harness.premises.faults import parse_fault
from harness.premises.household import Household, image_for
from harness.premises.load import load
from harness.premises.model import Assignment, DeviceKind
from harness.premises.outcome import BridgeState, HomeState, Outcome, StageKind
from harness.premises.plan import Wish
from harness.report import premises_folder

SCHEMA = premises_folder.schema()
ORDER = (("near",), ("remote_gsme",))


def home(*faults: str, remote: tuple[int, int] = (1, 1)) -> Household:
    """Return a C3 that runs, with small images to take."""
    premises = load("C3")
    speaks = {"remote_gsme": remote}
    files = {
        one.name: image_for(one.profile, size=600, speaks=speaks.get(one.name, (1, 1)))
        for one in premises.bridges
    }
    made = Household(premises, images=files, faults=[parse_fault(one, premises) for one in faults])
    assert made.start()
    return made


def told(outcome: Outcome) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(outcome.to_json()))
    return made


def confirmed() -> Outcome:
    return home("meter:off@2s..10m", "near:cut@5s").upgrade()


def partial() -> Outcome:
    """A pair that becomes mute: one goes back, and the pair is named."""
    made = home(remote=(2, 2))
    return made.upgrade(made.plan(Wish(order=ORDER, anyway=True)))


def refused() -> Outcome:
    made = home(remote=(2, 2))
    return made.upgrade(made.plan(Wish(order=ORDER)))


def interrupted() -> Outcome:
    """Nobody waits, and a bridge without supply does not say what it runs."""
    made = home()
    made.begin()
    made.power("remote_gsme", on=False)
    return Conductor(made, made.plan(Wish())).judged(interrupted=True)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return told(partial())


@pytest.mark.parametrize("ended", [confirmed, partial, refused, interrupted])
def test_outcome_keeps_to_the_schema(ended: Callable[[], Outcome]) -> None:
    made = told(ended())
    assert made["state"] == ended.__name__
    jsonschema.validate(made, SCHEMA)
    if ended is partial:
        assert any(back["pair"] for one in made["bridges"] for back in one["rollbacks"])
    if ended is confirmed:
        assert any(one["off"] for one in made["devices"])
    if ended is interrupted:
        assert [one["version"] is None for one in made["bridges"]] == [False, True]


def test_schema_is_one_and_knows_every_word() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    bridge, device, span = (
        SCHEMA["$defs"][name]["properties"] for name in ("bridge", "device", "span")
    )
    words: list[tuple[dict[str, Any], type[StrEnum]]] = [
        (SCHEMA["properties"]["state"], HomeState),
        (SCHEMA["properties"]["assignment"], Assignment),
        (bridge["state"], BridgeState),
        (bridge["role"], Role),
        (device["kind"], DeviceKind),
        (span["stage"], StageKind),
    ]
    for given, kind in words:
        assert given["enum"] == [str(one) for one in kind]


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        ((), "state", "mostly confirmed"),
        ((), "seal", "84d551e5"),
        ((), "virtual_us", -1),
        ((), "bridges", []),
        (("plan",), "steps", [[]]),
        (("plan",), "refused", 7),
        (("bridges", 0), "version", "0x02000000"),
        (("bridges", 0), "battery_percent", 101),
        (("bridges", 0), "neighbour", "x"),
        (("bridges", 1, "rollbacks", 0), "pair", ["one side alone"]),
        (("devices", 0), "dark", [[1]]),
        (("spans", 0), "stage", "asleep"),
    ],
)
def test_schema_refuses_what_is_no_outcome(
    document: dict[str, Any], path: tuple[str | int, ...], key: str, value: object
) -> None:
    spoilt = place = copy.deepcopy(document)
    for step in path:
        place = place[step]  # type: ignore[index]  # the path leads through lists and objects
    place[key] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(spoilt, SCHEMA)


@pytest.mark.parametrize("key", SCHEMA["required"])
def test_schema_misses_what_is_left_out(document: dict[str, Any], key: str) -> None:
    spoilt = {name: value for name, value in document.items() if name != key}
    with pytest.raises(jsonschema.ValidationError, match=f"'{key}' is a required property"):
        jsonschema.validate(spoilt, SCHEMA)
