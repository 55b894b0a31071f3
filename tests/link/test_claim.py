"""One program has a port; who comes second is told which one that is."""

import os
from pathlib import Path

import pytest

from emulator.errors import LinkError
from emulator.link.claim import Claim


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def test_a_port_is_had_once_and_again_when_it_is_free() -> None:
    first = Claim("socket://localhost:1234")
    wanted = rf"socket://localhost:1234: in use: .* \(process {os.getpid()}\), wanted it free"
    with pytest.raises(LinkError, match=wanted):
        Claim("socket://localhost:1234")
    other = Claim("socket://localhost:1235")
    first.release()
    first.release()
    Claim("socket://localhost:1234").release()
    other.release()


def test_a_link_to_a_port_is_that_port(tmp_path: Path) -> None:
    port, link = tmp_path / "ttyUSB0", tmp_path / "stick"
    port.touch()
    link.symlink_to(port)
    claim = Claim(str(link))
    with pytest.raises(LinkError, match="in use"):
        Claim(str(port))
    claim.release()


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / f"hanover-{os.getuid()}").write_text("", "utf-8")
    with pytest.raises(LinkError, match=rf"hanover-{os.getuid()}.*wanted a file that says who"):
        Claim("/dev/ttyUSB0")
