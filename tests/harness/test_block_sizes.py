"""The suite judges an honest device fairly, whatever size its blocks, pages and files have."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from emulator.profiles import load
from harness.cli.profiles import as_toml
from tests.dut.files import write_dut
from tests.harness.command import report_of

#: Cases and vectors that once told on the size of a device's blocks.
CASES = (
    *("short_blocks_are_stored", "bad_block_is_not_stored", "block_larger_than_asked"),
    *("altered_image_is_refused", "incomplete_image_is_never_applied"),
)
VECTORS = (
    *("FR-122", "FR-125", "FR-130", "FR-150", "RB-041", "RB-044", "RB-046"),
    *("SE-032", "SE-047", "SE-057", "SE-059", "SE-060", "SE-065", "SE-086", "SE-089"),
    *("SE-091", "SE-092", "SE-120", "SE-282", "SE-291"),
)
#: What says nothing about a device of a size, and why.
UNSUPPORTED: Mapping[int, Mapping[str, str]] = {
    1: {
        "short_blocks_are_stored": "this device asks for blocks of one octet: none is shorter",
        "cut_short": "this device asks for blocks of 6 octets or fewer: nothing is cut off",
        "FR-122": "needs a device that asks for 9 octets or more, not 1",
        "FR-125": "needs a device that asks for 9 octets or more, not 1",
        "SE-047": "needs a device that asks for 7 octets or more, not 1",
        "SE-060": "needs a device that asks for 7 octets or more, not 1",
        "SE-089": "needs a device that asks for 7 octets or more, not 1",
        "SE-092": "needs a device that asks for 8 octets or more, not 1",
        "SE-282": "needs a device that asks for 13 octets or more, not 1",
    },
    8: {
        "FR-122": "needs a device that asks for 9 octets or more, not 8",
        "FR-125": "needs a device that asks for 9 octets or more, not 8",
        "SE-282": "needs a device that asks for 13 octets or more, not 8",
    },
    16: {},
    63: {},
    64: {"FR-130": "needs a device that asks for 63 octets at most, not 64"},
    255: {
        "block_larger_than_asked_is_not_stored": "a frame can announce 255 octets of data, not 263",
        "FR-130": "needs a device that asks for 63 octets at most, not 255",
        "SE-057": "a frame can announce 255 octets of data, not 263",
        "SE-059": "a frame can announce 255 octets of data, not 256",
        "SE-065": "a frame can announce 255 octets of data, not 256",
    },
}

Verdicts = dict[str, tuple[str, str | None]]


def judged(folder: Path, *options: str, named: Iterable[str]) -> Verdicts:
    """Run cases of these names, of which none may fail; return verdict and reason of each."""
    words = [word for one in named for word in ("-k", one)]
    code, report = report_of(folder, "--fail-on", "all", *options, *words)
    assert code == 0
    return {row["case"]: (row["verdict"], row.get("reason")) for row in report["results"]}


def device(folder: Path, base: str, **ota: int) -> tuple[str, str]:
    """Return the option for a bridge like one of ours, but for these values of its OTA client."""
    changes = {f"ota.{name}": value for name, value in ota.items()}
    path = folder / "device.toml"
    path.write_text(as_toml(load.overlay(load.load(base), changes)), "utf-8")
    return "--profile", str(path)


@pytest.mark.parametrize("octets", UNSUPPORTED)
def test_any_size_of_blocks_passes_or_is_not_judged(tmp_path: Path, octets: int) -> None:
    option = device(tmp_path, "B1", block_size_octets=octets)

    verdicts = judged(tmp_path, *option, named=(*CASES, *VECTORS))

    assert len(verdicts) == len(CASES) - 1 + 6 + len(VECTORS)  # six bad blocks
    reasons = {case: why for case, (found, why) in verdicts.items() if found == "unsupported"}
    assert {case.rpartition("/")[2].rpartition("::")[2]: why for case, why in reasons.items()} == (
        UNSUPPORTED[octets]
    )
    assert all(verdicts[case][0] == "passed" for case in verdicts.keys() - reasons.keys())


def test_period_in_seconds_has_time_for_small_blocks(tmp_path: Path) -> None:
    option = device(tmp_path, "B3", block_size_octets=12)

    verdicts = judged(tmp_path, *option, named=("FR-142",))

    assert list(verdicts.values()) == [("passed", None)]


@pytest.mark.parametrize(("blocks", "found"), [(1, "unsupported"), (2, "passed"), (16, "passed")])
def test_device_with_pages_is_judged(tmp_path: Path, blocks: int, found: str) -> None:
    """What counts on block requests is played without pages."""
    option = device(tmp_path, "B1", block_size_octets=40, page_size_octets=40 * blocks)

    verdicts = judged(tmp_path, *option, named=("page", "FR-071", "SE-001", "SE-092", "SE-283"))

    assert {one for case, (one, _) in verdicts.items() if "SE-" in case or "FR-" in case} == {
        "passed"
    }
    assert verdicts["pages::server_without_pages/silence"] == ("passed", None)
    why = "needs pages of 2 blocks or more, not of 40 octets for 40" if blocks == 1 else None
    for case in ("page_request_layout", "page_with_gaps/blocks_missing"):
        assert verdicts[f"pages::{case}"] == (found, why)


def test_small_files_of_a_maker_are_enough(tmp_path: Path) -> None:
    """A file of 654 octets has 17 blocks: a download of it is over soon."""
    dut = write_dut(tmp_path, versions=4, size=500)
    names = (
        *("incomplete_image_is_never_applied", "frame_counters_never_go_back"),
        *("notify_does_not_disturb_a_download", "vanished_server_is_given_up"),
    )

    verdicts = judged(tmp_path, "--dut", str(dut), named=names)

    assert len(verdicts) == len(names)
    assert set(verdicts.values()) == {("passed", None)}
