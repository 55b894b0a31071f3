"""What a lab's day brings to devices: pulled sticks of their own, none that answers, one too many.

All are processes that share nothing but ports: the radio, cables, ``hanover emulate``, a joiner
that says nothing, and the command that judges.
"""

import json
import sys
import time
from pathlib import Path

from tests.interop.cable import STEP_S, Cable, Command, results, two_sticks
from tests.interop.firmware import NEW, OLD, build, kinds
from tests.interop.hasty import as_toml, hasty
from tests.interop.programs import HOSTS, Program, Radio

LIMIT_S = 150
ONE, OTHER = "00124b0044555441", "00124b0044555442"


def judge(folder: Path, port: str, *options: str) -> Command:
    """Start to judge a device with one case or two."""
    file = folder / "hasty.toml"
    if not file.exists():
        file.write_text(as_toml(hasty("B1")), "utf-8")
    where = ["--link", f"ezsp:{port}", "--network", "network", "--profile", str(file)]
    return Command(folder, "run", *where, "-k", "query_says", *options, name="run")


def test_a_device_whose_stick_is_pulled_out_or_resets_itself_goes_on(tmp_path: Path) -> None:
    """Pulled in the download, reset in the trial: 3 and a line; it resumes when begun again."""
    image = build(tmp_path, "new.ota", kinds(tmp_path)["B1"], NEW, 12_000)
    with (
        two_sticks(tmp_path, "--latency-ms", "3") as radio,
        Cable(tmp_path, radio.port(name="dut"), "--pty", str(tmp_path / "stick")) as cable,
    ):
        words = ["emulate", "B1", "--fast", "--json", "--link", f"ezsp:{cable.port}"]
        words += ["--state", "bridge", "--version", f"{OLD:#x}"]
        hub = ["--link", f"ezsp:{radio.port(name='hub')}", "--network", "network", "--json"]
        with Command(tmp_path, "upgrade", str(image), *hub, name="upgrade") as upgrade:
            pulled = ("downloading", {"percent": 40}, cable.jerk)
            reset = ("rebooted", {"version": NEW}, lambda: cable.order("reset"))
            for lives, (moment, facts, befall) in enumerate((pulled, reset), 1):
                with Command(tmp_path, *words, name=f"bridge{lives}") as bridge:
                    bridge.wait_for(moment, LIMIT_S, upgrade, **facts)
                    befall()
                    assert bridge.end() == 3
                assert bridge.complaints.count("\n") == 1
                assert "the stick is gone" in bridge.complaints
                assert "Traceback" not in bridge.complaints
            assert "it has reset itself or failed" in bridge.complaints
            (resumed,) = bridge.heard("download")
            assert resumed["offset"] >= 0.3 * image.stat().st_size
            with Command(tmp_path, *words, name="bridge3") as bridge:
                assert bridge.wait_for("started", STEP_S)["version"] == NEW
                bridge.wait_for("confirmed", LIMIT_S, upgrade)
                assert upgrade.end() == 0
                assert bridge.stop(STEP_S) == 130
    told = json.loads(upgrade.text)
    assert (told["ending"], told["version_after"]) == ("confirmed", NEW)


def test_a_device_that_never_answers_and_one_that_leaves(tmp_path: Path) -> None:
    """Both are inconclusive; who was mute is not waited for as long again."""
    with (
        two_sticks(tmp_path) as radio,
        Cable(tmp_path, radio.port(name="hub"), "--pty", str(tmp_path / "stick")) as cable,
    ):
        with judge(tmp_path, cable.port, "--max-wait", "30") as run:
            cable.wait_for("idle", STEP_S, run)
            joiner = [sys.executable, str(HOSTS / "joining_host.py"), radio.port(name="dut")]
            mute = Program("mute", joiner, tmp_path)
            with mute:
                mute.wait_for("answer", STEP_S)
                run.kill()
                begun = time.monotonic()
                options = ["--max-wait", "2", "--restart", "notify"]
                with judge(tmp_path, cable.port, "-k", "is_content", *options) as run:
                    assert run.end(LIMIT_S) == 2
                assert time.monotonic() - begun < 45
                verdicts = [(one["verdict"], one["reason"]) for one in results(tmp_path).values()]
                assert [verdict for verdict, _ in verdicts] == ["inconclusive"] * 2
                assert all("no answer" in reason for _, reason in verdicts)
                while cable.heard("idle"):  # none of those before
                    cable.said.clear()
                with judge(tmp_path, cable.port, *options) as run:
                    cable.wait_for("idle", STEP_S, run)
                    assert mute.finish(STEP_S) == 0
                    assert run.end(LIMIT_S) == 2
        (result,) = results(tmp_path).values()
        assert result["verdict"] == "inconclusive"
        assert "the device left the network by itself" in result["reason"]


def test_of_two_devices_the_named_one_is_judged(tmp_path: Path) -> None:
    """Both are on the network by themselves, ask and are asked at the same time."""
    profile = tmp_path / "hasty.toml"
    profile.write_text(as_toml(hasty("B1")), "utf-8")
    bridges = [f"{profile},name={name},eui64=0x{name}" for name in (ONE, OTHER)]
    both = [word for one in bridges for word in ("--bridge", one)]
    with Radio(tmp_path, "--strict", "--join", "auto", *both, listen="pty:./stick") as radio:
        where = ["--link", f"ezsp:{radio.port()}", "--network", "network"]
        with Command(tmp_path, "devices", *where, "--json", name="devices") as formed:
            assert formed.end() in (0, 2)
        for name in (ONE, OTHER):
            radio.wait_for("no image" if radio.heard("query") else "joined", STEP_S, bridge=name)
        with judge(tmp_path, radio.port(), "--max-wait", "15") as run:
            assert run.end(LIMIT_S) == 3
        (result,) = results(tmp_path).values()
        assert result["verdict"] == "error"
        assert f"found 2 devices on the network (0x{ONE}, 0x{OTHER})" in result["reason"]
        named = ["--eui64", f"0x{OTHER}", "-k", "status_after", "--max-wait", "15"]
        with judge(tmp_path, radio.port(), *named) as run:
            assert run.end(LIMIT_S) == 0
        assert {one["verdict"] for one in results(tmp_path).values()} == {"passed"}
        assert {line["bridge"] for line in radio.heard("download")} == {OTHER}


def test_a_firmware_that_is_too_old(tmp_path: Path) -> None:
    with Program("old", [sys.executable, str(HOSTS / "old_stick.py"), "8"], tmp_path) as old:
        port = str(old.wait_for("listening", STEP_S)["listen"]).replace("tcp:", "socket://")
        wanted = "found EZSP 8, wanted 13 or newer: the firmware of the stick is too old"
        with judge(tmp_path, port) as run:
            assert run.end() == 3
        (result,) = results(tmp_path).values()
        assert result["verdict"] == "error"
        assert wanted in result["reason"]
        with Command(tmp_path, "emulate", "B1", "--link", f"ezsp:{port}", name="bridge") as bridge:
            assert bridge.end() == 3
        assert wanted in bridge.complaints
        assert bridge.complaints.count("\n") == 1
