"""What is stated of a device decides what runs; it agrees with itself, and it is held to."""

from dataclasses import replace
from pathlib import Path

import pytest

from emulator.profiles.load import load, names, overlay
from harness.dut.load import load_dut
from harness.lanes import schemes
from harness.lanes.direct import VirtualLane
from harness.lanes.port import Setup
from harness.report.compose import compose
from harness.report.model import State
from harness.requirements import catalogue
from harness.runner import run_suite
from harness.suite import Chosen, RunOptions
from harness.support import contradiction, denied, implied, statements
from harness.verdict import Outcome
from tests.dut.files import BASE, write_dut
from tests.dut.kept import KeptDevice

#: A case of Image Page Requests, and a vector that only sleepy devices answer for.
PAGES, SLEEPY = "page_request_layout", "SE-107"


@pytest.mark.parametrize("name", names())
def test_profile_agrees_with_itself(name: str) -> None:
    profile = load(name)
    assert contradiction(profile, statements(profile)) is None
    assert set(implied(profile)) <= set(catalogue.items())


def test_item_that_needs_a_denied_one_is_denied() -> None:
    known = statements(load(BASE), {"OTA.CLIENT": False})
    assert denied(["OTA.CLIENT.RESUME"], known) == "OTA.CLIENT.RESUME"
    assert denied(["OTA.CLIENT.RESUME"], statements(load(BASE))) is None


def test_every_statement_of_a_profile_can_be_contradicted() -> None:
    profile = load(BASE)
    for item, said in implied(profile).items():
        found = contradiction(profile, {item: not said})
        assert found is not None
        assert found[0] == item
        assert contradiction(profile, {item: said}) is None


def test_profile_without_period_in_its_requests_leaves_the_item_open() -> None:
    profile = overlay(load(BASE), {"ota.block_sends_period": False})
    assert "OTA.CLIENT.PERIOD" not in statements(profile)
    assert contradiction(profile, {"OTA.CLIENT.PERIOD": False}) is None
    assert contradiction(load(BASE), {"OTA.CLIENT.PERIOD": False}) is not None


def test_profile_that_denies_an_item_makes_its_rows_unsupported() -> None:
    found = run_suite(RunOptions(match=(SLEEPY,)))
    verdicts = {one.profile: one.verdict for one in found.results}
    assert verdicts == {
        name: Outcome.UNSUPPORTED if load(name).sleep is None else Outcome.PASSED
        for name in names()
    }
    reasons = {one.reason for one in found.results if one.verdict is Outcome.UNSUPPORTED}
    assert reasons == {"the profile states no OTA.CLIENT.SLEEPY"}


def test_claim_that_is_not_shown_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device is as its base, which uses no pages; its DUT file claims that it does."""
    plain = load(BASE)

    def open_plain(setup: Setup) -> VirtualLane:
        return KeptDevice().open(replace(setup, profile=plain))

    claim = "[profile]\nota.page_size_octets = 512\n[states]\n'OTA.CLIENT.PAGE' = true\n"
    monkeypatch.setitem(schemes.SCHEMES, "plain", open_plain)
    verdicts = []
    for link, tables in (("direct:", ""), ("direct:", claim), ("plain:", claim)):
        dut = load_dut(write_dut(tmp_path, tables=tables, size=4000))
        chosen = Chosen(profile=dut.profile, given=dut.file, dut=dut)
        found = run_suite(RunOptions(profiles=(chosen,), link=link, match=(PAGES,)))
        verdicts.append([one.verdict for one in found.results])
    assert verdicts == [[Outcome.UNSUPPORTED], [Outcome.PASSED], [Outcome.FAILED]]


def test_totals_add_up_whatever_is_denied(tmp_path: Path) -> None:
    """Each result and each requirement stands in one place; no denied one has a verdict."""
    dut = load_dut(write_dut(tmp_path))
    chosen = (Chosen(profile=dut.profile, given=dut.file, dut=dut),)
    options = RunOptions(profiles=chosen, match=("pages", "attributes", "policies"))
    report = compose(run_suite(options), options, started="", ended="", command=())
    assert sum(report.verdicts().values()) == len(report.results) > 10
    states = [sum(counts.values()) for counts in report.states().values()]
    assert sum(states) == len(report.requirements) == len(catalogue.load())
    known = dut.statements()
    denied_ones = [one for one in report.requirements if known.get(one.pics) is False]
    assert {one.state for one in denied_ones} >= {State.UNSUPPORTED}
    judged = {State.PASSED, State.FAILED, State.INCONCLUSIVE, State.ERROR}
    assert not judged & {one.state for one in denied_ones}
    assert report.pics[dut.name] == dict(sorted(known.items()))
