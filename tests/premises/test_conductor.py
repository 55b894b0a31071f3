"""Upgrade whole homes, and judge what became of them."""

import json
from itertools import pairwise

import pytest

from emulator.units import DAY, HOUR, MINUTE, SECOND
from emulator.wire.manifest import Trait
from harness.firmware import FIRST_VERSION, NEXT_VERSION
from harness.premises.conductor import Conductor, longest_trial_us
from harness.premises.faults import parse_fault
from harness.premises.household import Household, image_for
from harness.premises.load import load, names
from harness.premises.model import Premises
from harness.premises.outcome import BridgeState, HomeState, Outcome, StageKind
from harness.premises.plan import Plan, Wish

SMALLEST = [name for name in names() if "-" not in name]
BAD = [(name, one.name) for name in SMALLEST for one in load(name).bridges]


def images(premises: Premises, **speaks: tuple[int, int]) -> dict[str, bytes]:
    """Return a small new image for each bridge; some speak other link protocols than 1..1."""
    return {
        one.name: image_for(one.profile, size=600, speaks=speaks.get(one.name, (1, 1)))
        for one in premises.bridges
    }


def upgraded(
    name: str,
    *faults: str,
    seed: int = 0,
    wish: Wish | None = None,
    files: dict[str, bytes] | None = None,
) -> Outcome:
    """Return what became of a home that took new images."""
    premises = load(name)
    home = Household(
        premises,
        images=images(premises) if files is None else files,
        seed=seed,
        faults=[parse_fault(one, premises) for one in faults],
    )
    assert home.start()
    return home.upgrade(None if wish is None else home.plan(wish))


def in_order(*steps: str) -> Wish:
    """Return the wish for an order, come what may."""
    return Wish(order=tuple((one,) for one in steps), anyway=True)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", names())
def test_every_home_upgrades_to_confirmed_with_any_seed(name: str, seed: int) -> None:
    outcome = upgraded(name, seed=seed)
    assert outcome.state is HomeState.CONFIRMED
    assert {one.version for one in outcome.bridges} == {NEXT_VERSION}
    assert {one.state for one in outcome.bridges} == {BridgeState.CONFIRMED}
    assert outcome.all_confirmed_us == max(one.confirmed_us or 0 for one in outcome.bridges)
    assert outcome.alerts == ()
    for device in outcome.devices:
        assert device.missed_in_a_row < 2


def test_verdict_is_given_after_the_longest_trial() -> None:
    outcome = upgraded("C1")
    last = max(one.confirmed_us or 0 for one in outcome.bridges)
    assert outcome.virtual_us > last + longest_trial_us(load("C1").near) - MINUTE


@pytest.mark.parametrize(("name", "bad"), BAD)
@pytest.mark.parametrize("turned", [False, True])
def test_image_that_its_old_partner_does_not_understand_is_undone_and_the_pair_named(
    name: str, bad: str, turned: bool
) -> None:
    premises = load(name)
    order = [one.name for one in premises.bridges]
    outcome = upgraded(
        name,
        files=images(premises, **{bad: (2, 2)}),
        wish=in_order(*(order[::-1] if turned else order)),
    )
    assert outcome.state is HomeState.PARTIAL
    spoilt = outcome.bridge(bad)
    assert (spoilt.state, spoilt.version) == (BridgeState.BACK, FIRST_VERSION)
    (rollback,) = spoilt.rollbacks
    assert rollback.pair is not None
    partner = rollback.pair[1].split()[0]
    assert rollback.pair == (f"{bad} speaks 2..2", f"{partner} speaks 1..1")
    assert premises.near.name in (bad, partner)
    others = [one for one in outcome.bridges if one.name != bad]
    assert {one.state for one in others} == {BridgeState.CONFIRMED}
    assert any(rollback.pair[0] in line for line in outcome.summary())


def test_plan_that_is_refused_changes_nothing() -> None:
    premises = load("C1")
    outcome = upgraded("C1", files=images(premises, near=(2, 2)))
    assert outcome.state is HomeState.REFUSED
    assert outcome.plan.refused is not None
    assert {one.version for one in outcome.bridges} == {FIRST_VERSION}
    assert {one.state for one in outcome.bridges} == {BridgeState.UNCHANGED}
    assert not any(one.boots for one in outcome.bridges)


def test_near_first_where_the_link_changes_and_nobody_is_left_behind() -> None:
    premises = load("C6")
    files = images(premises, near=(1, 2), remote_ihd=(2, 2), remote_gsme=(2, 2))
    outcome = upgraded("C6", files=files)
    assert outcome.plan.steps[0] == ("near",)
    assert outcome.state is HomeState.CONFIRMED
    assert dict(outcome.bridge("near").links) == {"remote_ihd": 2, "remote_gsme": 2}


def test_remote_is_left_out_that_the_failed_one_before_it_would_have_left_mute() -> None:
    premises = load("C1")
    files = images(premises, remote_ihd=(2, 2))
    near = premises.near.profile
    files["near"] = image_for(near, size=600, speaks=(1, 2), traits=Trait.CRASHES)
    outcome = upgraded("C1", files=files)
    assert outcome.bridge("near").state is BridgeState.BACK
    assert outcome.bridge("remote_ihd").state is BridgeState.DEFERRED
    assert outcome.state is HomeState.BACK
    assert outcome.bridge("remote_ihd").boots == 0


def test_remote_that_never_succeeds_leaves_the_home_partial() -> None:
    premises = load("C6")
    files = images(premises)
    profile = premises.bridge("remote_ihd").profile
    files["remote_ihd"] = image_for(profile, size=600, traits=Trait.MUTE)
    outcome = upgraded("C6", files=files)
    assert outcome.state is HomeState.PARTIAL
    assert {one.name: one.state for one in outcome.bridges} == {
        "near": BridgeState.CONFIRMED,
        "remote_ihd": BridgeState.BACK,
        "remote_gsme": BridgeState.CONFIRMED,
    }
    assert outcome.all_confirmed_us is None
    assert outcome.bridge("remote_ihd").rollbacks[0].pair is None


def test_both_remotes_at_once() -> None:
    outcome = upgraded("C6", wish=Wish(together=True))
    assert outcome.plan.steps == (("remote_ihd", "remote_gsme"), ("near",))
    assert outcome.state is HomeState.CONFIRMED


def test_image_that_is_not_the_bridges_is_refused_and_the_rest_goes_on() -> None:
    premises = load("C1")
    files = images(premises)
    files["remote_ihd"] = files["remote_ihd"][:-1] + bytes((files["remote_ihd"][-1] ^ 1,))
    outcome = upgraded("C1", files=files)
    assert outcome.bridge("remote_ihd").state is BridgeState.UNCHANGED
    assert outcome.bridge("near").state is BridgeState.CONFIRMED
    assert outcome.state is HomeState.PARTIAL


def test_home_without_images_has_nothing_to_do() -> None:
    outcome = upgraded("C1", files={})
    assert outcome.state is HomeState.REFUSED
    assert outcome.plan.steps == ()


def test_low_battery_defers_and_the_plan_says_why() -> None:
    premises = load("C7")
    home = Household(
        premises, images=images(premises), faults=[parse_fault("remote_gsme:battery=5", premises)]
    )
    assert home.start()
    home.begin()
    home.run(lambda: False, SECOND)
    outcome = home.upgrade()
    assert outcome.bridge("remote_gsme").state is BridgeState.DEFERRED
    assert outcome.bridge("remote_gsme").battery_percent in (4, 5)
    ((name, why),) = outcome.plan.deferred
    assert name == "remote_gsme"
    assert why.startswith("battery: found 4 %, wanted ")
    assert outcome.state is HomeState.PARTIAL


def test_bridge_defers_itself_when_its_battery_falls_behind_the_plan() -> None:
    outcome = upgraded("C3", "remote_gsme:battery=5@1s")
    assert outcome.plan.deferred == ()
    assert outcome.bridge("remote_gsme").state is BridgeState.DEFERRED
    assert outcome.bridge("near").state is BridgeState.CONFIRMED


def test_bridge_without_supply_in_the_end_is_unreachable_and_the_home_stranded() -> None:
    outcome = upgraded("C1", "near-remote_ihd:down@1h")
    assert outcome.bridge("remote_ihd").state is BridgeState.UNREACHABLE
    assert outcome.bridge("remote_ihd").version is None
    assert outcome.state is HomeState.STRANDED


@pytest.mark.parametrize("name", ["C1", "C6", "C7"])
def test_power_cut_of_the_whole_home_in_mid_download_ends_confirmed(name: str) -> None:
    outcome = upgraded(name, "home:cut@1s")
    assert outcome.state is HomeState.CONFIRMED
    assert outcome.bridge("near").boots == 2


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", ["C1", "C3", "C6", "C7"])
def test_no_flaw_of_links_and_no_reboot_leaves_a_bridge_mute(name: str, seed: int) -> None:
    premises = load(name)
    faults = [f"{one.name}:reboots=3@3m" for one in premises.bridges]
    for link in premises.links:
        way = "-".join(link.between)
        faults += [f"{way}:loss=0.05", f"{way}:duplicates=0.05", f"{way}:late=0.02"]
    outcome = upgraded(name, *faults, seed=seed)
    assert outcome.state in (HomeState.CONFIRMED, HomeState.PARTIAL, HomeState.BACK)
    assert {one.state for one in outcome.bridges} <= {BridgeState.CONFIRMED, BridgeState.BACK}
    assert all(one.boots >= 2 for one in outcome.bridges)


@pytest.mark.parametrize("name", ["C1", "C3", "C6"])
def test_remote_on_trial_waits_for_a_hub_that_is_away_while_its_link_works(name: str) -> None:
    outcome = upgraded(name, "hub:off@20s..40m")
    assert outcome.state is HomeState.CONFIRMED
    assert not any(one.rollbacks for one in outcome.bridges)


def test_near_bridge_remembers_whom_it_served_while_their_link_is_down() -> None:
    premises = load("C1")
    outcome = upgraded(
        "C1",
        "near-remote_ihd:down@40s..30m",
        files=images(premises, near=(2, 2), remote_ihd=(2, 2)),
        wish=in_order("remote_ihd", "near"),
    )
    assert outcome.state is HomeState.BACK
    assert outcome.bridge("near").rollbacks[0].pair == (
        "near speaks 2..2",
        "remote_ihd speaks 1..1",
    )


def test_stages_of_a_bridge_follow_each_other_without_a_gap() -> None:
    outcome = upgraded("C1", "near:off@1s..60s")
    for one in outcome.bridges:
        spans = [each for each in outcome.spans if each.bridge == one.name]
        assert spans[0].from_us == 0
        assert spans[-1].to_us == outcome.virtual_us
        assert all(a.to_us == b.from_us for a, b in pairwise(spans))
        assert all(a.stage is not b.stage for a, b in pairwise(spans))
    remote = [(one.stage, one.to_us - one.from_us) for one in outcome.spans if one.bridge != "near"]
    dark = sum(length for stage, length in remote if stage is StageKind.DARK)
    assert 59 * SECOND < dark < 80 * SECOND
    stages = {one.stage for one in outcome.spans}
    assert stages == set(StageKind)


def test_progress_is_told_about_once_a_minute() -> None:
    premises = load("C1")
    home = Household(premises, images=images(premises))
    assert home.start()
    seen: list[int] = []
    home.upgrade(progress=lambda one: seen.append(one.now))
    assert len(seen) > 10
    assert seen == sorted(seen)


def test_outcome_is_json_with_its_schema_and_text() -> None:
    outcome = upgraded(
        "C3", files=images(load("C3"), remote_gsme=(2, 2)), wish=in_order("near", "remote_gsme")
    )
    told = json.loads(json.dumps(outcome.to_json()))
    assert told["schema"] == "hanover-premises-1"
    assert (told["premises"], told["assignment"], told["state"]) == ("C3", "smallest", "partial")
    assert told["plan"]["steps"] == [["near"], ["remote_gsme"]]
    remote = told["bridges"][1]
    assert (remote["name"], remote["state"], remote["version"]) == (
        "remote_gsme",
        "back",
        FIRST_VERSION,
    )
    assert remote["rollbacks"][0]["pair"] == ["remote_gsme speaks 2..2", "near speaks 1..1"]
    assert remote["links"] == {"near": 1}
    assert {one["stage"] for one in told["spans"]} >= {"trial", "rebooting", "dark"}
    assert outcome.summary()[0] == "C3 (smallest), seed 0: partial"


def test_plan_of_the_callers_own_is_carried_out() -> None:
    premises = load("C1")
    home = Household(premises, images=images(premises))
    assert home.start()
    outcome = home.upgrade(Plan(steps=(("near",),), reasons=()))
    assert outcome.bridge("near").state is BridgeState.CONFIRMED
    assert outcome.bridge("remote_ihd").state is BridgeState.UNCHANGED
    assert outcome.virtual_us < 3 * HOUR


def test_home_that_was_upgraded_has_nothing_left_to_do() -> None:
    premises = load("C1")
    home = Household(premises, images=images(premises, near=(1, 2), remote_ihd=(1, 2)))
    assert home.start()
    assert home.upgrade().good
    assert {one.speaks for one in home.candidates()} == {(1, 2)}
    assert home.plan().steps == ()


@pytest.mark.parametrize("name", ["C2", "C6", "C7"])
@pytest.mark.parametrize("seed", [9, 11])
def test_meter_misses_no_second_cycle_where_one_trial_fails_after_the_other(
    name: str, seed: int
) -> None:
    """T10: each of two mute images hides twenty minutes of a cycle of thirty."""
    premises = load(name)
    images = {
        one.name: image_for(one.profile, traits=Trait.MUTE)
        for one in premises.bridges
        if one.name != "remote_ihd"
    }
    home = Household(premises, images=images, seed=seed)
    assert home.start()
    outcome = home.upgrade()
    assert [len(outcome.bridge(one).rollbacks) for one in images] == [1, 1]
    assert outcome.device("meter").missed_in_a_row <= 1


def test_restart_in_a_trial_does_not_lose_what_the_partner_speaks() -> None:
    """The second run of the trial never hears the remote one; the pair is named all the same."""
    premises = load("C1")
    images = {"near": image_for(premises.near.profile, speaks=(2, 2))}
    given = ("near-remote_ihd:down@60s..20m", "near:cut@90s")
    faults = [parse_fault(one, premises) for one in given]
    home = Household(premises, images=images, faults=faults)
    assert home.start()
    outcome = home.upgrade(home.plan(Wish(order=(("near",),), anyway=True)))
    (back,) = outcome.bridge("near").rollbacks
    assert back.pair == ("near speaks 2..2", "remote_ihd speaks 1..1")


def test_image_that_waits_for_a_lost_answer_is_said_to_wait() -> None:
    premises = load("C1")
    images = {"near": image_for(premises.near.profile)}
    home = Household(premises, images=images)
    assert home.start()
    conductor = Conductor(home, home.plan())
    conductor.served = ["near"]
    home.offer("near")
    assert home.run(lambda: home.chronicle.records["near"].accepted, HOUR)
    told = conductor.judged().bridge("near")
    assert (told.state, told.version) == (BridgeState.UNCHANGED, FIRST_VERSION)
    assert told.why == "it holds the image, and was never told to run it, as far as it heard"


def test_bridge_that_waits_for_charge_does_not_keep_the_others_for_days() -> None:
    premises = load("C7")
    images = {one.name: image_for(one.profile) for one in premises.bridges}
    faults = [parse_fault("remote_gsme:battery=5@30s", premises)]
    home = Household(premises, images=images, faults=faults)
    assert home.start()
    outcome = home.upgrade()
    assert [str(one.state) for one in outcome.bridges] == ["confirmed", "confirmed", "deferred"]
    assert (outcome.bridge("near").confirmed_us or 0) < 5 * HOUR
    assert outcome.state is HomeState.PARTIAL


def test_bridge_that_is_off_for_days_does_not_keep_the_others_so_long() -> None:
    """GB-072: two days at most; it answers in the end, and runs what it ran."""
    premises = load("C6")
    images = {one.name: image_for(one.profile) for one in premises.bridges}
    faults = [parse_fault("remote_ihd:off@0s..6d", premises)]
    home = Household(premises, images=images, faults=faults)
    assert home.start()
    outcome = home.upgrade()
    assert [str(one.state) for one in outcome.bridges] == ["confirmed", "unchanged", "confirmed"]
    assert (outcome.bridge("near").confirmed_us or 0) < 3 * DAY


def test_image_whose_answer_is_lost_for_hours_is_waited_for() -> None:
    """The bridge asks once an hour if it may run it."""
    premises = load("C5")
    images = {one.name: image_for(one.profile) for one in premises.bridges}
    home = Household(premises, images=images)
    assert home.start()
    conductor = Conductor(home, home.plan())
    home.offer("near")
    record = home.chronicle.records["near"]
    assert conductor.patience_us(["near"]) < DAY
    assert home.run(lambda: record.accepted, HOUR)
    home.lane.set_up(("hub", "near"), False)
    assert home.run(lambda: home.now > 5 * HOUR, 6 * HOUR)
    assert (record.on_trial, conductor.patience_us(["near"])) == (False, DAY)
    home.lane.set_up(("hub", "near"), True)
    assert home.run(lambda: record.confirmed_us is not None, 2 * HOUR)
    assert conductor.patience_us(["near"]) < DAY
