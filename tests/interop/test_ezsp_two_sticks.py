"""Judge a bridge behind a stick of its own from a hub on another: a tester's day on a table.

Nothing is passed between them but octets over two lines; the bridge's supply is a process that is
killed. With real sticks only the ports are others.
"""

from collections import Counter
from pathlib import Path
from typing import Any

from tests.interop.laboratory import STEP, Laboratory
from tests.interop.test_ezsp_lane import chosen, verdicts

#: Questions and answers, a whole life of upgrades, and what must not be taken.
TALKS = (
    *("client_cluster", "unknown_attribute", "unicast_notify_is_followed", "query_says_what_runs"),
    *("broadcast_notify_for_others", "idle_attributes", "attributes_are_read_only"),
    *("no_image_means", "download_starts_at", "block_request_has", "default_response_is"),
)
UPGRADES = (
    *("short_blocks", "block_of_another", "unknown_elements", "status_after_the"),
    *("lower_version_is_taken", "abort_stops", "longer_than_announced"),
)
REFUSALS = ("altered_image_is_refused", "wrong_integrity_code")
CUTS = ("waiting_image_survives", "power_fails_at_a_block/middle", "power_fails_in_the_trial")
VECTORS = (
    *("FR-038", "FR-039", "FR-040", "FR-041", "FR-042", "FR-043", "FR-044", "FR-045", "FR-046"),
    *("FR-047", "FR-048", "FR-049", "FR-050", "FR-051", "FR-052", "FR-098", "FR-201", "FR-317"),
    *("FR-318", "SE-001", "IV-001"),
)
#: The cases that do not run, and why.
NO_WAY = {
    "download::bad_block_is_not_stored/longer_than_announced": "needs a message of 257 octets,"
    " the stick takes 73",
    "image_verify::file_is_judged_as_expected/IV-001": "needs a good file that is unusual, and only"
    " the maker makes those",
}


def reasons(report: dict[str, Any]) -> dict[str, str]:
    """Return why cases did not run."""
    results = report["results"]
    return {one["case"]: one["reason"] for one in results if one["verdict"] == "unsupported"}


#: A trial that a test can wait for, and queries that come often enough to see that none follows.
TRIAL = {
    "boot.confirm_within_s": 16,
    "boot.trial_checkpoint_s": 2,
    "ota.query_period_s": 8,
    "ota.query_jitter_s": 1,
}


def test_forty_cases_power_cuts_and_a_rollback_in_one_network(tmp_path: Path) -> None:
    """A ladder of many versions, so that hardly a case waits for a restore."""
    with Laboratory(tmp_path, versions=40, changes=TRIAL) as lab:
        bridge = lab.bridge
        rollback = lab.run("--restart", "notify", "--max-wait", "60", "-k", "mute_image_goes_back")
        assert len(bridge.heard("rolled back")) == 1
        cases = chosen((*TALKS, *UPGRADES, *REFUSALS, *CUTS, *VECTORS))
        report = lab.run("--restart", "notify", "--max-wait", "60", *cases)
        assert len(bridge.heard("joined")) == 1  # nobody told it to leave
        assert len(bridge.heard("started")) >= 1 + 3
        assert bridge.heard("image refused")
        assert len(bridge.heard("confirmed")) >= 10
        assert len(bridge.heard("rolled back")) == 1
    assert verdicts(rollback) == {"rollback::mute_image_goes_back": "passed"}
    found = verdicts(report)
    assert reasons(report) == NO_WAY
    rest = len(found) - len(NO_WAY)
    assert Counter(found.values()) == {"passed": rest, "unsupported": len(NO_WAY)}
    assert rest >= 45


def test_a_mute_image_is_undone_though_the_supply_fails(tmp_path: Path) -> None:
    """It goes back by itself, also where the supply fails in its trial."""
    with Laboratory(tmp_path, changes=TRIAL) as lab:
        report = lab.run("--max-wait", "60", "-k", "power_cut_in_the_trial")
        assert len(lab.bridge.heard("rolled back")) == 1
        assert len(lab.bridge.heard("started")) >= 2  # a cut may come before it has
    assert verdicts(report) == {"rollback::power_cut_in_the_trial": "passed"}


#: A wrong integrity code, a manifest changed behind it, and one of another manufacturer.
DAMAGE = ("IV-008", "IV-164", "IV-209")


def test_damaged_files_are_refused_and_a_verdict_outlives_the_supply(tmp_path: Path) -> None:
    """A good file is damaged as the vector says; an image whose verdict was told is not lost."""
    with Laboratory(tmp_path, versions=9, changes=TRIAL) as lab:
        cases = chosen((*DAMAGE, "power_fails_after_the_upgrade_end"))
        report = lab.run("--restart", "notify", "--max-wait", "60", *cases)
        assert len(lab.bridge.heard("image refused")) >= len(DAMAGE)
    assert set(verdicts(report).values()) == {"passed"}
    assert len(report["results"]) == len(DAMAGE) + 1


#: One case that upgrades once, two that upgrade twice, and one that asks.
FEW = chosen(("query_says_what_runs", "short_blocks", "unknown_elements", "FR-038"))
PATIENCE = ("--restart", "notify", "--max-wait", "15")


def test_a_day_is_planned_and_stopped_and_goes_on(tmp_path: Path) -> None:
    """Each case begins with the version that it wants, though the one before left another."""
    with Laboratory(tmp_path, versions=3) as lab:
        (plan,) = lab.run("--plan", *PATIENCE, *FEW)["plans"]
        assert (plan["runs"], plan["cases"], plan["not_run"]) == (4, 4, {})
        assert plan["restores"] >= 2
        budget_s = round(plan["total_s"] / 2)
        first = lab.run("--time-budget", f"{budget_s}s", *PATIENCE, *FEW, code=2)
        assert 1 <= len(first["results"]) < 4
        assert not first["finished"]
        whole = lab.run("--resume", "hanover-report", *PATIENCE, *FEW)
        assert lab.bridge.heard("rebooted", version=1 * STEP)  # it was taken down
    assert whole["finished"]
    assert set(verdicts(whole).values()) == {"passed"}
    assert len(whole["results"]) == 4
    for kept in first["results"]:
        assert kept in whole["results"]  # it did not run again


def test_a_ladder_is_climbed_and_never_descended(tmp_path: Path) -> None:
    """Where nothing takes the device down, a case begins where the one before ended."""
    with Laboratory(tmp_path, versions=5, restore="ladder") as lab:
        report = lab.run(*PATIENCE, *FEW)
        installed = [line["version"] for line in lab.bridge.heard("rebooted")]
    assert installed == sorted(installed)
    assert Counter(verdicts(report).values()) == {"passed": 2, "unsupported": 2}
    too_few = "needs 2 versions above 0x04000000, where the device stands"
    assert set(reasons(report).values()) == {too_few}


def test_a_sleepy_bridge_joins_and_is_upgraded(tmp_path: Path) -> None:
    """It hears nothing but what it fetches, and a case waits for that."""
    often = {"ota.query_period_s": 12, "ota.query_jitter_s": 2}
    with Laboratory(tmp_path, "B4", size=300, changes=often) as lab:
        cases = ("client_cluster", "query_says_what_runs", "polls_by_itself", "altered_image")
        report = lab.run("--max-wait", "30", *chosen(cases))
        assert lab.bridge.heard("joined")
        assert lab.bridge.heard("confirmed")
        assert lab.bridge.heard("image refused")
    assert set(verdicts(report).values()) == {"passed"}
    assert len(report["results"]) == 4
