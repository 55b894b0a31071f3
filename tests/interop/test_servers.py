"""Judge OTA servers that nobody here wrote, with the hostile client of the server suite.

Five programs that share nothing but ports: ``hanover radio`` with two sticks, a host that serves on
the one, ``hanover run --suite server`` on the other. What a server is known to do wrong stands in
``known/``, with the reason; whatever else fails fails here, and so does what passes after all.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interop.firmware import NEW, build, kinds
from tests.interop.programs import (
    CHECKOUT,
    HOSTS,
    Program,
    Radio,
    hanover,
    herdsman_host,
    zigpy_host,
)

STEP_S = 60
#: How long the whole suite may take on a busy machine.
SUITE_S = 240
KNOWN = Path(__file__).parent / "known"

STICKS = ("--radio", "name=hub,listen=pty:./hub", "--radio", "name=dut,listen=tcp:127.0.0.1:0")
#: What both hosts are: they serve pages, set no rate, and notify nobody by broadcast.
STATED = (
    *("--supports", "OTA.SERVER.PAGE"),
    *("--lacks", "OTA.SERVER.RATE", "--lacks", "OTA.SERVER.NOTIFY"),
)


def judge(folder: Path, port: str, *options: str) -> tuple[int, dict[str, Any]]:
    """Run the server suite through a stick, and return its exit code and its report."""
    command = [sys.executable, "-m", "harness.cli.main", "run", "--suite", "server", "--json"]
    where = ["--link", f"ezsp:{port}", "--out", "report", "--no-html"]
    ran = subprocess.run(
        [*command, *where, "--answer-limit", "1", "--max-wait", "10", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=SUITE_S,
        check=False,
    )
    assert ran.stdout, ran.stderr
    return ran.returncode, json.loads(ran.stdout)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Return an image of a little more than twenty blocks, alone in a folder."""
    kind = next(iter(kinds(tmp_path).values()))
    return build(tmp_path / "images", "image.ota", kind, NEW, size=900)


def zigpy(folder: Path, port: str, image: Path) -> Program:
    """Start zigpy, which offers the image again and again."""
    return zigpy_host(folder, port, "--images", str(image.parent), "--serve", str(image))


def herdsman(folder: Path, port: str, image: Path) -> Program:
    """Start zigbee-herdsman, which offers the image again and again."""
    return herdsman_host(folder, port, "--serve", str(image))


@pytest.mark.parametrize("host", [zigpy, herdsman], ids=lambda host: str(host.__name__))
def test_a_server_does_what_is_known_of_it(
    host: Callable[[Path, str, Path], Program], image: Path, tmp_path: Path
) -> None:
    known = KNOWN / f"{host.__name__}.toml"
    with (
        Radio(tmp_path, *STICKS, listen="") as radio,
        host(tmp_path, radio.port(name="hub"), image) as program,
    ):
        program.wait_for("permitted", STEP_S)
        held = ("--image", str(image), "--on-request", "--known", str(known))
        code, report = judge(tmp_path, radio.port(name="dut"), *STATED, *held)
        assert program.heard("serving")
    wrong = [
        (one["id"], one["verdict"], one.get("reason"), one.get("frame"))
        for one in report["results"]
        if one["verdict"] not in ("passed", "unsupported") and not one.get("known")
    ]
    assert wrong == []
    assert code == 0
    verdicts = report["totals"]["verdicts"]
    assert verdicts["passed"] >= 30
    failed = [one for one in report["results"] if one["verdict"] == "failed"]
    assert len(failed) >= 10
    assert all(one["known"] and one["frame"] for one in failed)
    assert report["subject"]["kind"] == "OTA server"
    (stick,) = report["carriers"]
    assert (stick["kind"], len(stick["eui64"])) == ("stick", 16)


def test_our_own_hub_passes_behind_a_stick(tmp_path: Path) -> None:
    kind = next(iter(kinds(tmp_path).values()))
    made_for = ["--manufacturer", hex(kind.manufacturer), "--type", hex(kind.image_type)]
    limits = ["--hardware", hex(kind.hardware - 1), hex(kind.hardware + 1), "--size", "900"]
    held = []
    for step in range(3):
        file = tmp_path / f"{step}.ota"
        hanover(
            tmp_path, "image", "build", str(file), "--version", hex(NEW + step), *made_for, *limits
        )
        held += ["--image", str(file)]
    with Radio(tmp_path, *STICKS, listen="") as radio:
        serving = [sys.executable, str(HOSTS / "hanover_hub.py"), radio.port(name="hub"), *held]
        with Program("hub", serving, tmp_path) as program:
            program.wait_for("serving", STEP_S)
            code, report = judge(tmp_path, radio.port(name="dut"), *STATED, *held)
    verdicts = {one["case"]: one["verdict"] for one in report["results"]}
    assert code == 0
    assert set(verdicts.values()) == {"passed", "unsupported"}
    assert verdicts["server_offers::highest_version_is_offered"] == "passed"
    assert verdicts["server_offers::hardware_range_includes_its_ends"] == "passed"
    assert report["totals"]["verdicts"]["passed"] >= 55


def test_a_known_failure_that_passes_fails_the_run(image: Path, tmp_path: Path) -> None:
    known = tmp_path / "known.toml"
    case = "server_blocks::block_needs_no_query"
    known.write_text(f'[failures]\n"{case}" = "it was so once"\n', "utf-8")
    with (
        Radio(tmp_path, *STICKS, listen="") as radio,
        zigpy(tmp_path, radio.port(name="hub"), image) as program,
    ):
        program.wait_for("permitted", STEP_S)
        held = ("--image", str(image), "--on-request", "--known", str(known))
        code, report = judge(tmp_path, radio.port(name="dut"), *held, "-k", case)
    (result,) = report["results"]
    assert (code, result["verdict"]) == (1, "failed")
    assert "it was so once" in result["reason"]
