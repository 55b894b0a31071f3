"""What the lane on the air cannot serve is said before a device is waited for."""

from pathlib import Path

import pytest

from harness.cli.main import run_command
from harness.dut.keeper import Keeper, Means
from harness.dut.load import load_dut
from harness.dut.reach import SERVED
from harness.dut.rungs import Rungs
from tests.dut.files import BASE, write_dut

Said = pytest.CaptureFixture[str]
#: A port that nothing is on: a run that gets so far ends with exit code 3 too, and says otherwise.
AIR = "ezsp:/dev/no-stick"
CODE = "83fed3407a939723a5c639b26916d505c3b5"


def hanover(*words: str | Path) -> int:
    return run_command([str(word) for word in words])


BEYOND = [
    ("[join]\ncbke = true\n", "join.cbke: found true, wanted false on ezsp:/dev/no-stick: no CBKE"),
    (
        '[radio]\nband = "868"\n',
        'radio.band: found "868", wanted "2.4" on ezsp:/dev/no-stick: no 868',
    ),
]


@pytest.mark.parametrize(("tables", "said"), BEYOND, ids=["cbke", "868"])
@pytest.mark.parametrize("words", [("run", "--dut"), ("run", "--plan", "--dut"), ("dut", "check")])
def test_device_that_demands_more_is_refused_on_the_air(
    tmp_path: Path, capsys: Said, words: tuple[str, ...], tables: str, said: str
) -> None:
    path = write_dut(tmp_path, tables=tables)
    assert hanover(*words, path, "--link", AIR) == 3
    complaint = capsys.readouterr().err
    assert complaint.startswith(f"hanover: {path}: {said}")
    assert complaint.count("\n") == 1


@pytest.mark.parametrize("tables", [each[0] for each in BEYOND], ids=["cbke", "868"])
def test_other_lanes_take_it(tmp_path: Path, tables: str) -> None:
    path = write_dut(tmp_path, tables=tables)
    match = ("-k", "idle_attributes", "--out", tmp_path / "report")
    assert hanover("run", "--dut", path, *match) == 0


@pytest.mark.parametrize(
    ("tables", "joins"),
    [
        ("", "the well-known key"),
        (f'[join]\ninstall_code = "{CODE}"\n', "the install code of "),
        (f'[join]\nlink_key = "{"ab" * 16}"\n', "the link key of "),
    ],
    ids=["well-known", "install code", "link key"],
)
def test_limits_are_said_before_the_first_case(
    tmp_path: Path, capsys: Said, tables: str, joins: str
) -> None:
    path = write_dut(tmp_path, tables=tables)
    match = ("-k", "idle_attributes", "--out", tmp_path / "report")
    assert hanover("run", "--dut", path, "--link", AIR, *match) == 3
    first, second, *_ = capsys.readouterr().err.splitlines()
    assert first == f"hanover: {SERVED}"
    assert second.startswith(f"hanover: my-bridge: joins with {joins}")


def test_profile_on_the_air_is_told_the_limits(tmp_path: Path, capsys: Said) -> None:
    match = ("-k", "idle_attributes", "--out", tmp_path / "report")
    assert hanover("run", "--profile", BASE, "--link", AIR, *match) == 3
    assert capsys.readouterr().err.startswith(f"hanover: {SERVED}\n")
    assert hanover("run", "--profile", BASE, *match) == 0
    assert SERVED not in capsys.readouterr().err


def test_link_key_of_the_file_admits_the_device(tmp_path: Path) -> None:
    dut = load_dut(write_dut(tmp_path, tables=f'[join]\nlink_key = "{"ab" * 16}"\n'))
    place = Keeper(dut, Means()).place(Rungs(), dut.profile, None)
    network = place["options"].network
    assert (network.link_key, network.eui64) == (b"\xab" * 16, dut.eui64)
