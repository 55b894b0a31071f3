"""``hanover profiles`` lists, shows, checks, and says what is wrong in one line."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from emulator.errors import ProfileError
from emulator.profiles import load
from harness.cli.profiles import LARGEST_FILE_OCTETS, as_toml, find_profile, profiles

BUILT_IN = load.names()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(profiles, arguments)


def test_the_table_has_a_row_for_each_type() -> None:
    result = run()
    rows = result.stdout.splitlines()
    assert result.exit_code == 0
    assert rows[0].split() == [
        *("name", "role", "power", "type", "hardware", "block", "slots", "scheme", "about")
    ]
    assert [row.split()[0] for row in rows[1:]] == list(BUILT_IN)
    assert "FFF1-0004" in rows[4]
    assert "battery, sleepy" in rows[4]
    assert "2 x 128 KiB" in rows[4]


@pytest.mark.parametrize("name", BUILT_IN)
def test_one_type_is_shown_as_toml_that_means_the_same(name: str) -> None:
    result = run(name.lower())
    assert result.exit_code == 0
    assert load.parse(result.stdout, "shown") == load.load(name)
    assert "manufacturer_code = 0xFFF1" in result.stdout


def test_json_holds_the_same() -> None:
    assert json.loads(run("B2", "--json").stdout) == load.plain(load.load("B2"))
    every = json.loads(run("--json").stdout)
    assert [each["name"] for each in every["profiles"]] == list(BUILT_IN)


def test_a_good_file_is_shown(tmp_path: Path) -> None:
    mine = load.overlay(load.load("B1"), {"name": "mine", "about": 'a "quoted" über-bridge'})
    file = tmp_path / "mine.toml"
    file.write_text(as_toml(mine), "utf-8")
    result = run("--file", str(file))
    assert result.exit_code == 0
    assert load.parse(result.stdout, "shown") == mine
    assert find_profile(str(file)) == mine


def complaint(result: Result) -> str:
    """Return the one line on stderr; a second one, or data beside it, is a failure."""
    lines = result.stderr.splitlines()
    assert result.stdout == ""
    assert len(lines) == 1, lines
    return lines[0]


def test_wrong_use_is_2() -> None:
    unknown, both = run("B9"), run("B1", "--file", "mine.toml")
    assert (unknown.exit_code, both.exit_code) == (2, 2)
    assert complaint(unknown) == "hanover: B9: no such profile; there are B1, B2, B3, B4"
    assert "not both" in complaint(both)


def test_a_file_that_cannot_be_read_is_2(tmp_path: Path) -> None:
    absent, folder = run("--file", str(tmp_path / "no.toml")), run("--file", str(tmp_path))
    assert (absent.exit_code, folder.exit_code) == (2, 2)
    assert complaint(absent).endswith("no.toml: No such file or directory")
    assert complaint(folder).endswith("Is a directory")


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        (b"", "name: found nothing"),
        (b"\xff\xfe", "not UTF-8 text at octet 0"),
        (b"# " + b"x" * LARGEST_FILE_OCTETS, "octets: no profile"),
        (as_toml(load.load("B1")).replace('"zigbee"', '"cs06"').encode(), "not yet supported"),
    ],
    ids=["empty", "not text", "huge", "not yet"],
)
def test_a_file_that_holds_no_profile_is_1(tmp_path: Path, octets: bytes, message: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(octets)
    result = run("--file", str(file))
    assert result.exit_code == 1
    assert complaint(result).startswith(f"hanover: {file}: ")
    assert message in complaint(result)


def test_the_profile_option_takes_a_name_before_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "B1").write_text("not a profile", "utf-8")
    assert find_profile("b1") == load.load("B1")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("B9", "^B9: no such profile"),
        ("./B9", r"^\./B9: No such file"),
        ("mine.toml", "^mine.toml: No such file"),
        (".", r"^\.: Is a directory"),
    ],
)
def test_the_profile_option_says_what_it_did_not_find(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProfileError, match=message):
        find_profile(given)
