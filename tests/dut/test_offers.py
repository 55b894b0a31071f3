"""Bad files are made of a maker's good one by damage, where that means the same as a vector's."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from harness.dut.example import example
from harness.dut.load import load_dut
from harness.dut.model import Dut
from harness.report.model import CaseResult
from harness.runner import run_suite
from harness.suite import Chosen, RunOptions
from harness.vectors.bases import KeyRing
from harness.verdict import Outcome
from tests.dut.files import write_dut

FAMILIES = ("image_verify", "file_format")


def judged(
    dut: Dut, match: tuple[str, ...] = FAMILIES, defect: str | None = None
) -> Mapping[str, CaseResult]:
    chosen = (Chosen(profile=dut.profile, given=dut.file, dut=dut),)
    found = run_suite(RunOptions(profiles=chosen, match=match, defect=defect))
    assert found.collected.broken == []
    return {one.case.partition("/")[2]: one for one in found.results}


def ran(results: Mapping[str, CaseResult]) -> set[str]:
    """Return what came to a verdict; a good device passes everything that does."""
    odd = [one for one in results.values() if one.verdict is not Outcome.UNSUPPORTED]
    assert {one.verdict for one in odd} == {Outcome.PASSED}, odd
    return {id for id, one in results.items() if one.verdict is Outcome.PASSED}


def test_unsigned_device_is_offered_damaged_files(tmp_path: Path) -> None:
    results = judged(load_dut(write_dut(tmp_path)))
    assert len(ran(results)) > 120
    reasons = Counter(one.reason for one in results.values() if one.reason)
    assert reasons["needs a good file that is unusual, and only the maker makes those"] > 50
    assert reasons["needs a file that is built anew, and no good one that is damaged"] > 50


def test_key_of_the_maker_makes_more_files() -> None:
    family = ("image_verify",)
    without = ran(judged(example(key=False), family))
    with_key = ran(judged(example(key=True), family))
    assert len(without) > 80
    assert without < with_key
    assert len(with_key - without) > 20


#: Vectors that no damage of a maker's file stands for, and what is said of each.
WHY = [
    ("IV-001", "needs a good file that is unusual, and only the maker makes those"),
    ("IV-040", "the device states no check of signer, certificate, signature_suite2"),
    ("IV-154", "needs a file of no sub-elements, the maker's has tags 0x0000 0x0003"),
    ("RB-001", "vectors of the family rollback need firmware that the harness makes"),
]


def test_step_alone_says_nothing_of_a_device_with_more() -> None:
    (found,) = judged(example(key=True), ("IV-337",)).values()
    assert found.reason == "needs a device without the check of structure"


def test_device_that_skips_its_check_is_seen(tmp_path: Path) -> None:
    """D105 is blind for integrity codes: the damage that only they show is installed."""
    dut = load_dut(write_dut(tmp_path))
    good, bad = judged(dut, ("integrity",)), judged(dut, ("integrity",), "D105")
    assert Outcome.FAILED not in {one.verdict for one in good.values()}
    assert Outcome.FAILED in {one.verdict for one in bad.values()}


def test_signing_anew_takes_the_key() -> None:
    """Cases that change a good file run with a test key, and are unsupported without."""
    cases = ("image_for_other_hardware", "image_for_another_device", "unknown_elements")
    verdicts = [{one.verdict for one in run_of(example(key=key), cases)} for key in (False, True)]
    assert verdicts == [{Outcome.UNSUPPORTED}, {Outcome.PASSED}]


def test_key_that_is_not_the_devices_is_refused_by_it() -> None:
    """What is signed anew is really judged: another signer's files are not taken."""
    dut = replace(example(key=True), key=KeyRing()["foreign-2"])
    verdicts = {one.verdict for one in run_of(dut, ("unknown_elements_are_skipped",))}
    assert verdicts == {Outcome.FAILED}


def run_of(dut: Dut, match: tuple[str, ...]) -> tuple[CaseResult, ...]:
    chosen = (Chosen(profile=dut.profile, given=dut.file, dut=dut),)
    return run_suite(RunOptions(profiles=chosen, match=match)).results


@pytest.mark.parametrize(("id", "why"), WHY, ids=[one[0] for one in WHY])
def test_what_cannot_be_made_says_why(tmp_path: Path, id: str, why: str) -> None:
    (found,) = judged(load_dut(write_dut(tmp_path)), (id,)).values()
    assert found.verdict is Outcome.UNSUPPORTED
    assert why in found.reason
