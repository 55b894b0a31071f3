"""Let tshark read the capture of a whole upgrade, and hold every OTA field against the trace."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.profiles.load import load, names
from harness.bench import Bench
from harness.capture import write_capture
from harness.firmware import NEXT_VERSION

#: Our name of a field, and tshark's behind "zbee_zcl_general.ota.".
FIELDS = {
    "file_offset": "file.offset",
    "file_version": "file.version",
    "manufacturer": "manufacturer_code",
    "image_type": "image.type",
    "image_size": "image.size",
    "maximum_data_size": "max_data_size",
    "current_time_s": "current_time",
    "upgrade_time_s": "upgrade_time",
}
PREFIX = "zbee_zcl_general.ota."
CLUSTER = 0x0019


def told(trace: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the fields of every OTA command in a trace, in order."""
    for line in trace:
        row = json.loads(line)
        if row["what"] == "send" and row["cluster"] == CLUSTER and "Image" in row.get("frame", ""):
            yield row["fields"]


def seen(capture: Path) -> Iterator[dict[str, str]]:
    """Yield the OTA fields of every OTA image command that tshark finds in a capture, in order."""
    wanted = [f"{PREFIX}{name}" for name in FIELDS.values()]
    columns = [
        part for name in ("zbee_zcl_general.ota.cmd.srv_tx.id", *wanted) for part in ("-e", name)
    ]
    columns += ["-e", "zbee_zcl_general.ota.cmd.srv_rx.id"]
    made = subprocess.run(
        ["tshark", "-r", str(capture), "-T", "fields", "-E", "separator=;", *columns],
        check=True,
        capture_output=True,
        text=True,
    )
    for line in made.stdout.splitlines():
        to_client, *values, to_server = line.split(";")
        number = int(to_client or to_server or "255", 0)
        if number in (0x00, 0x01, 0x02, 0x03, 0x05):
            yield dict(zip(FIELDS, values, strict=True))


@pytest.mark.parametrize("profile", names())
def test_tshark_reads_an_upgrade_as_the_trace_tells_it(profile: str, tmp_path: Path) -> None:
    bench = Bench(load(profile))
    bench.start()
    assert bench.upgrade(bench.image()) == NEXT_VERSION
    capture = tmp_path / "upgrade.pcapng"
    written = write_capture(capture, ((at, sent) for at, _, sent in bench.trace.datagrams()))
    ours, theirs = list(told(list(bench.trace.lines()))), list(seen(capture))
    assert written > len(ours) > 50
    assert len(theirs) == len(ours)
    for told_fields, seen_fields in zip(ours, theirs, strict=True):
        for name in FIELDS:
            if name in told_fields:
                assert int(seen_fields[name], 0) == told_fields[name], name
