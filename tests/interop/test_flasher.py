"""Let universal-silabs-flasher find out what the virtual radio is."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.interop.programs import Radio, script

LISTENS = {"pty": "pty:./stick", "tcp": "tcp:127.0.0.1:0"}
LIMIT_S = 120


@pytest.mark.parametrize("ezsp", [13, 14, 18])
@pytest.mark.parametrize("link", LISTENS)
def test_the_flasher_recognises_an_ezsp_stick(tmp_path: Path, link: str, ezsp: int) -> None:
    with Radio(tmp_path, "--ezsp", str(ezsp), listen=LISTENS[link]) as radio:
        run = subprocess.run(
            [script("universal-silabs-flasher"), "--device", radio.port(), "probe"],
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        said = run.stdout + run.stderr
        assert run.returncode == 0, said
        found = re.search(r"ApplicationType\.EZSP, version '([^']+)'", said)
        assert found, said
        assert re.fullmatch(r"\d+\.\d+\.\d+\.\d+ build \d+", found[1]), found[1]
