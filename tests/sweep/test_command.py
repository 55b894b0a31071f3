"""The command: options, output, exit codes."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from emulator.profiles.load import names
from harness.cli.main import run_command
from harness.sweep import workers
from harness.sweep.recording import EmptyPhaseError

NAME = names()[0]
SMALL = ("--profile", NAME, "--size", "900", "--geometry", "512:64:ff")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run_command(["sweep", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_sound_bridge_ends_with_0(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "made" / "here"
    code, text, err = run(capsys, *SMALL, "--life", "waiting", "--out", str(out))
    assert (code, err) == (0, "")
    for phase in ("boot", "download", "record", "staging", "trial", "waiting", "all"):
        assert f"\n{phase:12}" in text
    document = json.loads((out / "sweep.json").read_text("utf-8"))
    assert document["failed"] == 0
    assert document["points"] == document["planned"] == sum(r["points"] for r in document["rows"])


def test_a_broken_promise_ends_with_1_and_can_be_replayed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    more = (*SMALL, "--life", "waiting", "--defect", "D210", "--json")
    code, text, _ = run(capsys, *more)
    document = json.loads(text)
    assert code == 1
    first = document["failures"][0]
    assert first["promise"] == 3
    code, text, _ = run(capsys, *first["replay"].split()[2:])
    assert code == 1
    assert first["found"] in text
    code, text, _ = run(capsys, *more, "--replay", first["point"])
    assert (code, json.loads(text)["promise"]) == (1, 3)


def test_a_bridge_that_restarts_for_ever_is_found_dead(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--profile", "B4", "--size", "600", "--defect", "D167", "--replay", "refusal")
    code, text, _ = run(capsys, *words)
    assert code == 1
    assert "promise 1 (it boots): it restarts for ever: 201 times within an hour" in text


def test_a_point_that_holds_ends_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    code, text, _ = run(capsys, *SMALL, "--replay", "upgrade:5:before+9:before")
    assert (code, "every promise is kept" in text) == (0, True)


@pytest.mark.parametrize("merge", [(), ("--no-merge",)])
def test_merging_is_a_choice(capsys: pytest.CaptureFixture[str], merge: tuple[str, ...]) -> None:
    code, text, _ = run(capsys, *SMALL, "--life", "upgrade", "--json", *merge)
    assert code == 0
    assert (json.loads(text)["merged"] == 0) == bool(merge)


def test_kinds_and_geometries_are_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    shapes = ("--geometry", "1024:32:00")
    code, text, _ = run(
        capsys, *SMALL, *shapes, "--life", "upgrade", "--kinds", "torn,before", "--json"
    )
    assert code == 0
    assert {row["kind"] for row in json.loads(text)["rows"]} == {"torn", "before"}


def test_pairs_come_on_top(capsys: pytest.CaptureFixture[str]) -> None:
    code, text, _ = run(capsys, *SMALL, "--life", "upgrade", "--pairs", "--kinds", "torn", "--json")
    rows = json.loads(text)["rows"]
    assert code == 0
    assert {row["phase"] for row in rows} >= {"recovery", "download"}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--life", "none"), "--life: found 'none', wanted one of upgrade"),
        (("--kinds", "before,odd"), "--kinds: found 'odd', wanted some of before"),
        (("--geometry", "12"), "geometry: found 12, wanted ERASE:UNIT:ERASED"),
        (("--replay", "upgrade:x:y"), "point upgrade:x:y: found operation 'x'"),
        (("--profile", NAME, "--replay", "upgrade:99999:before"), "wanted one to cut at"),
        (("--defect", "D999"), "--defect: found D999, wanted a defect of D001 to D"),
        (("--profile", NAME, "--size", "3"), "--size: found 3, wanted more than"),
        (("--profile", NAME, "--replay", "upgrade:9:worn:99999999"), "found address 99999999"),
        (("--profile", NAME, "--replay", "upgrade:99999:worn:0"), "wanted one to cut at"),
        (
            ("--life", "trial", "--replay", "upgrade:5:before"),
            "--life: found trial, wanted upgrade, that of --replay",
        ),
        (
            ("--profile", "B1", "--profile", "B2", "--replay", "upgrade:5:before"),
            "--profile: found B1, B2, wanted one at most beside --replay",
        ),
        (("--pairs", "--replay", "upgrade:5:before"), "--pairs: found --replay beside it"),
        (("--kinds", "torn", "--replay", "upgrade:5:torn"), "--kinds: found --replay beside it"),
        (("--out", "made", "--replay", "upgrade:5:before"), "--out: found --replay beside it"),
        (("--profile", "nobody"), "nobody"),
        (("--size", "0"), "--size"),
    ],
)
def test_wrong_use_ends_with_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], why: str
) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert why in err


def test_an_empty_phase_ends_with_3(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise EmptyPhaseError("life upgrade, phase boot: found no operation, wanted one at least")

    monkeypatch.setattr(workers, "sweep", fail)
    code, _, err = run(capsys, *SMALL, "--life", "upgrade")
    assert code == 3
    assert "phase boot: found no operation" in err


#: Sweeps with two workers, which tell when they have judged some ranges and are stuck.
SCRIPT = """
import os, sys, threading
from itertools import count
from harness.cli import main
from harness.sweep import workers
from harness.sweep.engine import Sweeper

def judge(self, place, known=Sweeper.judge, judged=count()):
    if next(judged) >= 50:
        os.write(held, b".")
        threading.Event().wait()
    return known(self, place)

held = int(sys.argv.pop(1))
workers._RANGE, Sweeper.judge = 20, judge
main.main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no signals, no fork")
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_no_worker_outlives_the_command(number: signal.Signals, code: int) -> None:
    """Who holds the other end of a pipe is at work: it is closed when the last of them is gone."""
    alive, held = os.pipe()
    arguments = ["sweep", *SMALL, "-n", "2", "--json"]
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(held), *arguments],
        pass_fds=[held],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        os.close(held)
        assert os.read(alive, 1) + os.read(alive, 1) == b".."
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    while select.select([alive], [], [], 30)[0] and os.read(alive, 4096):
        pass
    assert select.select([alive], [], [], 0)[0], "a worker goes on"
    os.close(alive)
    assert process.returncode == code
    if code == 130:
        document = json.loads(out)
        assert document["interrupted"]
        assert 0 < document["points"] < document["planned"]
        assert b"interrupted: what was judged is kept" in err
