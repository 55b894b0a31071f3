"""Run bellows' own command on the virtual radio."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.interop.programs import Radio, script

LISTENS = {"pty": "pty:./stick", "tcp": "tcp:127.0.0.1:0"}
#: Its command hangs where something went wrong: it always gets a limit, in seconds.
LIMIT_S = 60


def bellows(folder: Path, *arguments: str) -> str:
    """Run the command and return what it printed; fail unless it ends well in time."""
    run = subprocess.run(
        [script("bellows"), *arguments],
        cwd=folder,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.parametrize("ezsp", [13, 14, 18])
@pytest.mark.parametrize("link", LISTENS)
def test_bellows_forms_a_network_and_reads_it_back(tmp_path: Path, link: str, ezsp: int) -> None:
    database = tmp_path / "bellows.db"
    database.touch()
    with Radio(tmp_path, "--ezsp", str(ezsp), listen=LISTENS[link]) as radio:
        port = radio.port()
        bellows(tmp_path, "-d", port, "form", "-D", str(database), "-c", "20", "-P", "4660")
        shown = bellows(tmp_path, "-d", port, "info")
    assert re.search(r"panId=(0x1234|4660)", shown), shown
    assert re.search(r"radioChannel=20\b", shown), shown
    assert "JOINED_NETWORK" in shown
    assert re.search(r"EmberZNet version: \d+\.\d+\.\d+\.\d+ build \d+", shown), shown
