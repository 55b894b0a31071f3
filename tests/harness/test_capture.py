"""Check capture files with scapy's reader."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.utils import RawPcapNgReader

from emulator.wire.air import air_octets
from emulator.wire.aps import Datagram
from harness.capture import PAN_ID, write_capture


def _datagram(payload: bytes = b"", source: int = 0x1234) -> Datagram:
    return Datagram(
        source=source,
        destination=0,
        source_endpoint=1,
        destination_endpoint=1,
        profile=0x0109,
        cluster=0x0019,
        payload=payload,
    )


def _packets(path: Path) -> list[tuple[bytes, Any]]:
    """Return octets and what scapy says of them, for each packet."""
    with path.open("rb") as file:
        return list(RawPcapNgReader(file))


@given(
    frames=st.lists(st.tuples(st.integers(0, (1 << 64) - 1), st.binary(max_size=300)), max_size=6)
)
def test_scapy_reads_back_times_and_octets(
    tmp_path_factory: pytest.TempPathFactory, frames: list[tuple[int, bytes]]
) -> None:
    path = tmp_path_factory.mktemp("capture") / "one.pcapng"

    written = write_capture(path, ((time, _datagram(payload)) for time, payload in frames))

    assert written == len(frames)
    found = _packets(path) if frames else []
    assert [octets for octets, _ in found] == [
        air_octets(_datagram(payload), PAN_ID, number, number)
        for number, (_, payload) in enumerate(frames)
    ]
    assert [(about.tshigh << 32) + about.tslow for _, about in found] == [t for t, _ in frames]
    assert all(about.linktype == 230 for _, about in found)
    assert all(about.tsresol == 1_000_000 for _, about in found)
    assert all(about.wirelen == len(octets) for octets, about in found)


def test_each_source_counts_its_own_frames(tmp_path: Path) -> None:
    path = tmp_path / "one.pcapng"
    sources = [1, 2, 1, 1, 2, *[3] * 257]

    write_capture(path, ((0, _datagram(source=source)) for source in sources))

    numbers = [octets[2] for octets, _ in _packets(path)]
    assert numbers[:5] == [0, 0, 1, 2, 1]
    assert numbers[-2:] == [255, 0]


def test_an_empty_capture_is_a_capture(tmp_path: Path) -> None:
    path = tmp_path / "empty.pcapng"

    assert write_capture(path, []) == 0
    assert path.stat().st_size == 28 + 20


def test_an_older_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "one.pcapng"
    path.write_bytes(bytes(10_000))

    write_capture(path, [(0, _datagram())])

    assert len(_packets(path)) == 1


def test_a_file_that_cannot_be_written_is_an_os_error(tmp_path: Path) -> None:
    def never() -> Iterator[tuple[int, Datagram]]:
        raise AssertionError("the frames were read before the file was opened")
        yield

    with pytest.raises(FileNotFoundError):
        write_capture(tmp_path / "missing" / "one.pcapng", never())
    with pytest.raises(IsADirectoryError):
        write_capture(tmp_path, never())


@pytest.mark.parametrize("time_us", [-1, 1 << 64])
def test_a_time_that_does_not_fit_is_refused(tmp_path: Path, time_us: int) -> None:
    with pytest.raises(ValueError, match="EnhancedPacket"):
        write_capture(tmp_path / "one.pcapng", [(time_us, _datagram())])


def test_no_heavy_library_comes_along() -> None:
    program = (
        "import sys, harness.capture\n"
        "print({name.split('.')[0] for name in sys.modules} & {'scapy', 'zigpy', 'bellows'})"
    )

    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert run.stdout.strip() == "set()"
