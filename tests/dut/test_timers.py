"""Test firmware whose days pass in minutes is judged by its own times."""

from pathlib import Path

import pytest

from emulator.profiles.load import load, names, overlay
from emulator.units import HOUR, SECOND
from harness.bench import Bench
from harness.dut.load import load_dut
from harness.dut.model import DutError
from harness.runner import run_suite
from harness.suite import Chosen, RunOptions
from harness.verdict import Outcome
from tests.dut.files import BASE, write_dut

SCALE = 60
#: Cases whose limits or waits are long times of the standard, and one that judges a short one.
TIMED = (
    *("image_waits_for_leave", "failed_discovery_does_not_storm", "vanished_server_is_given_up"),
    *("refused_upgrade_is_not_applied", "silent_hub_is_not_leave", "device_polls_by_itself"),
    *("partial_image_is_never_applied", "expelled_device_stops", "wait_for_data_is_obeyed"),
)


@pytest.mark.parametrize("name", names())
def test_scaled_firmware_passes_sooner(name: str) -> None:
    took = []
    for scale in (1, SCALE):
        profile = overlay(load(name), {"ota.timer_scale": scale})
        chosen = (Chosen(profile=profile, given=name),)
        found = run_suite(RunOptions(profiles=chosen, match=TIMED)).results
        assert {one.verdict for one in found} == {Outcome.PASSED}, found
        took.append(sum(one.duration_us for one in found))
    assert took[1] < took[0] / 10


def test_scaled_firmware_that_storms_fails() -> None:
    """A bridge of real time is no test firmware of a sixtieth: an hour is not a minute."""
    profile = overlay(load(BASE), {"ota.wait_poll_s": 60})
    chosen = (Chosen(profile=profile, given=BASE),)
    (found,) = run_suite(RunOptions(profiles=chosen, match=("image_waits_for_leave",))).results
    assert found.verdict is Outcome.FAILED


def test_bench_knows_the_times_of_its_firmware() -> None:
    plain, fast = (Bench(overlay(load(BASE), {"ota.timer_scale": scale})) for scale in (1, SCALE))
    assert fast.profile.ota.query_period_s * SCALE == plain.profile.ota.query_period_s
    assert (plain.lived(HOUR), fast.lived(HOUR), fast.lived(SECOND)) == (
        HOUR,
        HOUR // SCALE,
        SECOND,
    )
    assert fast.trial_us == plain.trial_us  # what the boot loader counts is not scaled


def test_scale_that_leaves_no_quiet_is_refused(tmp_path: Path) -> None:
    table = "[profile]\nota.timer_scale = {}\n"
    assert load_dut(write_dut(tmp_path, tables=table.format(72))).profile.ota.timer_scale == 72
    with pytest.raises(DutError, match=r"profile\.ota\.timer_scale: found 73, wanted 72 at most"):
        load_dut(write_dut(tmp_path, tables=table.format(73)))
