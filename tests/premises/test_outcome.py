"""Judge bridges and homes by what was read and reported, case by case."""

from dataclasses import replace

import pytest

from harness.firmware import FIRST_VERSION, NEXT_VERSION
from harness.premises.chronicle import Record
from harness.premises.conductor import Conductor
from harness.premises.household import Household, image_for
from harness.premises.load import load
from harness.premises.outcome import BridgeOutcome, BridgeState, HomeState, Rollback, home_state
from harness.premises.plan import Plan

BRIDGE = BridgeOutcome(
    name="near",
    type="B1",
    profile="B1",
    role="near",
    first_version=FIRST_VERSION,
    offered_version=NEXT_VERSION,
    version=NEXT_VERSION,
    state=BridgeState.CONFIRMED,
    confirmed_us=1,
    boots=1,
    rollbacks=(),
    links=(),
    battery_percent=None,
)
PLAN = Plan(steps=(("near",),), reasons=())
S, H = BridgeState, HomeState


@pytest.mark.parametrize(
    ("states", "wanted"),
    [
        ((S.CONFIRMED, S.CONFIRMED), H.CONFIRMED),
        ((S.CONFIRMED, S.BACK), H.PARTIAL),
        ((S.CONFIRMED, S.UNCHANGED), H.PARTIAL),
        ((S.CONFIRMED, S.DEFERRED), H.PARTIAL),
        ((S.TRIAL, S.BACK), H.PARTIAL),
        ((S.ASTRAY, S.UNCHANGED), H.PARTIAL),
        ((S.BACK, S.DEFERRED), H.BACK),
        ((S.BACK, S.UNCHANGED), H.BACK),
        ((S.DEFERRED, S.UNCHANGED), H.DEFERRED),
        ((S.UNCHANGED, S.UNCHANGED), H.REFUSED),
        ((S.CONFIRMED, S.UNREACHABLE), H.STRANDED),
        ((S.DEAD, S.BACK), H.STRANDED),
    ],
)
def test_home_is_what_its_bridges_are(states: tuple[BridgeState, ...], wanted: HomeState) -> None:
    assert home_state(PLAN, [replace(BRIDGE, state=one) for one in states]) is wanted


def test_bridge_that_was_offered_nothing_does_not_count_unless_it_is_lost() -> None:
    idle = replace(BRIDGE, offered_version=None, state=S.UNCHANGED)
    assert home_state(PLAN, [BRIDGE, idle]) is H.CONFIRMED
    assert home_state(PLAN, [BRIDGE, replace(idle, state=S.UNREACHABLE)]) is H.STRANDED
    assert home_state(PLAN, [idle, idle]) is H.REFUSED


def test_refused_plan_is_a_refused_home() -> None:
    refused = Plan(steps=(), reasons=(), refused="why")
    assert home_state(refused, [replace(BRIDGE, state=S.UNCHANGED)]) is H.REFUSED


def conductor(plan: Plan = PLAN) -> Conductor:
    premises = load("C1")
    images = {"near": image_for(premises.near.profile)}
    return Conductor(Household(premises, images=images), plan)


ROLLBACK = Rollback(at_us=1, why="")


@pytest.mark.parametrize(
    ("version", "record", "wanted"),
    [
        (NEXT_VERSION, Record(confirmed_us=5), S.CONFIRMED),
        (NEXT_VERSION, Record(), S.TRIAL),  # the air alone does not say that it stays
        (NEXT_VERSION, Record(confirmed_us=5, on_trial=True), S.TRIAL),
        (FIRST_VERSION, Record(confirmed_us=5), S.UNCHANGED),  # nor does the report alone
        (FIRST_VERSION, Record(rollbacks=[ROLLBACK]), S.BACK),
        (FIRST_VERSION, Record(), S.UNCHANGED),
        (NEXT_VERSION + 1, Record(confirmed_us=5), S.ASTRAY),
        (None, Record(confirmed_us=5), S.UNREACHABLE),
        (None, Record(dead=True), S.DEAD),
    ],
)
def test_bridge_is_judged_by_what_was_read_and_what_it_said(
    version: int | None, record: Record, wanted: BridgeState
) -> None:
    assert conductor().state_of("near", record, version) is wanted


def test_bridge_that_waits_is_deferred_whoever_made_it_wait() -> None:
    waits = Plan(steps=(), reasons=(), deferred=(("near", "battery"),))
    assert conductor(waits).state_of("near", Record(), FIRST_VERSION) is S.DEFERRED
    skips = conductor()
    skips.skipped["near"] = "why"
    assert skips.state_of("near", Record(), FIRST_VERSION) is S.DEFERRED
    served = conductor()
    assert served.state_of("near", Record(deferred="low"), FIRST_VERSION) is S.UNCHANGED
    served.served.append("near")
    assert served.state_of("near", Record(deferred="low"), FIRST_VERSION) is S.DEFERRED
