"""``hanover emulate --state`` stays the bridge that its first start made."""

from dataclasses import replace
from pathlib import Path

import pytest

from emulator.errors import StateError
from emulator.link.ezsp import ALL_CHANNELS, WELL_KNOWN_KEY, Wish
from emulator.link.storage import BASE
from emulator.ncp.radio import at_home
from emulator.profiles.haste import hastened
from emulator.profiles.load import load, overlay
from harness.cli.emulate_record import RECORD, Record, joining, recall, remember
from harness.cli.main import run_command
from harness.firmware import built, filler

NOBODY = "ezsp:socket://127.0.0.1:1"
KEY = bytes(range(16))


def record(name: str = "B4") -> Record:
    """Return what a bridge in a hurry was made of."""
    base = load(name)
    wish = Wish(channels=1 << 20, pan_id=0x1234, link_key=KEY)
    profile = hastened(at_home(base))
    return Record(base=base, profile=profile, strict=False, fast=True, wish=wish)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Return a folder that keeps a bridge, as far as anybody looks who has no stick."""
    remember(tmp_path, record())
    (tmp_path / BASE).write_text("{}", "utf-8")
    return tmp_path


@pytest.mark.parametrize("name", ["B1", "B4"])
def test_a_record_is_read_as_it_was_written(tmp_path: Path, name: str) -> None:
    made = record(name)
    remember(tmp_path, made)
    assert recall(tmp_path) is None  # no bridge is kept there yet
    (tmp_path / BASE).write_text("{}", "utf-8")
    assert recall(tmp_path) == made


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "No such file or directory"),
        ("{", "JSONDecodeError"),
        ("[]", "TypeError"),
        ("{}", "KeyError: 'schema'"),
        ('{"schema": 2}', "ValueError: schema 2"),
        ('{"schema": 1, "wish": {"link_key": "0"}}', "ValueError"),
        ('{"schema": 1, "wish": {"link_key": ""}, "base": {}}', "ProfileError"),
    ],
)
def test_a_damaged_record_is_refused(kept: Path, text: str | None, why: str) -> None:
    (kept / RECORD).unlink()
    if text is not None:
        (kept / RECORD).write_text(text, "utf-8")
    with pytest.raises(StateError, match=f"{RECORD}: found .*{why}.*, wanted how the bridge"):
        recall(kept)


def test_what_is_left_out_is_as_it_was() -> None:
    made = record()
    made.check(made.base, Path("state"), strict=False, fast=False)
    made.check(made.base, Path("state"), strict=False, fast=True)
    assert joining(made.wish, dict.fromkeys(("channels", "pan_id", "link_key"))) == made.wish
    assert joining(made.wish, {"pan_id": 0x4321}) == replace(made.wish, pan_id=0x4321)
    fresh = joining(None, {"link_key": None})
    assert (fresh.channels, fresh.link_key) == (ALL_CHANNELS, WELL_KNOWN_KEY)


def test_another_bridge_is_refused() -> None:
    made, folder = replace(record(), fast=False), Path("state")
    other = overlay(made.base, {"ota.image_type": 0x0077})
    with pytest.raises(StateError, match=r"B4: found ota.image_type = 119, wanted what the bridge"):
        made.check(other, folder, strict=False, fast=False)
    with pytest.raises(StateError, match="--strict: found it, wanted none: the bridge in state"):
        made.check(made.base, folder, strict=True, fast=False)
    with pytest.raises(StateError, match="--fast: found it, wanted none: the bridge in state"):
        made.check(made.base, folder, strict=False, fast=True)
    fitted = overlay(made.profile, {"ota.image_type": 0x0077})
    with pytest.raises(StateError, match=r"fw.ota: found ota.image_type = 119, wanted what"):
        made.check_fit(fitted, Path("fw.ota"), folder)


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["B4"], 3, "found no EZSP stick"),  # as far as a start without a stick comes
        (["B4", "--fast"], 3, "found no EZSP stick"),
        (["B4", "--strict"], 1, "--strict: found it, wanted none"),
        (["B1"], 1, 'B1: found name = "B1", about = "near bridge beside the hub, mains", role'),
        (["B4", "--for", "fw.ota"], 1, "fw.ota: found ota.image_type = 66, wanted what the bridge"),
    ],
)
def test_a_later_start_is_held_to_the_first(
    capsys: pytest.CaptureFixture[str], kept: Path, arguments: list[str], code: int, why: str
) -> None:
    other = overlay(load("B4"), {"ota.image_type": 0x0042})
    file = kept / "fw.ota"
    file.write_bytes(built(other, filler(100, 2), 2))
    words = [str(file) if word == "fw.ota" else word for word in arguments]
    assert run_command(["emulate", *words, "--link", NOBODY, "--state", str(kept)]) == code
    complaint = capsys.readouterr().err
    assert complaint.count("\n") == 1
    assert why in complaint
