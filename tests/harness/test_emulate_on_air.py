"""``hanover emulate --link`` and ``hanover devices`` refuse what cannot be, in one line."""

import json
import os
from pathlib import Path

import pytest

from harness.cli.main import run_command


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line of complaint."""
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    return error


NOBODY = "ezsp:socket://127.0.0.1:1"


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["B1"], 2, "found neither, wanted --stdio or --link ezsp:PORT"),
        (["B1", "--stdio", "--link", NOBODY], 2, "found both, wanted"),
        (["B1", "--link", "direct:"], 2, "--link direct:: found no stick, wanted ezsp:PORT"),
        (["B1", "--link", "ezsp:"], 2, "--link ezsp:: found no stick, wanted ezsp:PORT"),
        (["B9", "--link", NOBODY], 2, "B9: no such profile"),
        (["B1", "--link", NOBODY, "--install-code", "0011"], 2, "install code: found 2 octets"),
        (["B1", "--link", NOBODY, "--install-code", 16 * "00" + "0000"], 2, "CRC: found 0000"),
        (["B1", "--link", NOBODY, "--channel", "9"], 2, "11<=x<=26"),
        (["B1", "--link", NOBODY, "--image", "a", "--version", "1"], 2, "wanted one of them"),
        (["B1", "--link", NOBODY, "--image", "nowhere.ota"], 2, "found nothing, wanted a file"),
        (["B1", "--link", NOBODY], 3, "127.0.0.1:1: found no EZSP stick"),
        (["B1", "--link", "ezsp:nowhere"], 3, "nowhere: found no EZSP stick"),
    ],
)
def test_a_bridge_that_cannot_be_emulated(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    why: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command(["emulate", *arguments]) == code
    assert why in said(capsys)


def test_a_folder_that_does_not_say_how_its_bridge_was_made_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "bridge.json").write_text(json.dumps({"schema": 7}))
    assert run_command(["emulate", "B1", "--link", NOBODY, "--state", str(tmp_path)]) == 1
    assert "made.json: found No such file or directory, wanted how the bridge" in said(capsys)


def test_a_terminal_that_is_no_stick_is_told_in_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.link.ezsp.OPEN_S", 0.5)
    master, slave = os.openpty()  # it swallows everything, and answers nothing
    try:
        code = run_command(["emulate", "B1", "--link", f"ezsp:{os.ttyname(slave)}"])
    finally:
        os.close(master)
        os.close(slave)
    assert code == 3
    assert "found no EZSP stick (TimeoutError), wanted one" in said(capsys)


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        ([], 2, "--link"),
        (["--link", "direct:"], 2, "--link direct:: found no stick, wanted ezsp:PORT"),
        (["--link", NOBODY], 3, "127.0.0.1:1: cannot be used"),
    ],
)
def test_a_network_that_cannot_be_listed(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, why: str
) -> None:
    assert run_command(["devices", *arguments]) == code
    assert why in said(capsys)
