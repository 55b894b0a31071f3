"""The commands around device programs: ``run`` over one, ``exec check``, ``emulate --stdio``."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.profiles.load import load
from emulator.units import MILLISECOND
from harness.cli.main import run_command
from harness.cli.profiles import as_toml
from harness.conduct import RULES, Kept, check, first_difference
from harness.lanes import program as programs
from harness.lanes.exec import CONVERSATIONS
from harness.lanes.port import LaneOptions
from tests.harness import planted
from tests.lanes.device_programs import emulated, write_program

CHECKOUT = Path(__file__).resolve().parents[2]

#: A bridge behind a pipe with one fault more: ``reply`` is what it answers to ``request``.
_SPOILT = """
import json, sys
from emulator.link.stdio import Servant
from emulator.profiles.load import load
servant, kept = Servant(load("B1")), []
for line in sys.stdin.buffer:
    request = json.loads(line)
    call = request["call"]
    {before}
    reply = json.loads(servant.answer(line))
    {fault}
    sys.stdout.write(json.dumps(reply) + chr(10))
    sys.stdout.flush()
    if call == "bye":
        {end}
"""
_SENT = "[one for one in reply.get('actions', []) if one['kind'] == 'Send']"
#: A request that a device answers without doing anything new.
_NOTHING = "json.dumps({'id': request['id'], 'call': 'power_off', 'now_us': 0}).encode()"
#: What is wrong with the program, where (``fault`` or ``before``), and the rules it does not keep.
SPOILT: dict[tuple[str, str], set[str]] = {
    (
        "fault",
        "if reply.get('actions'):"
        " reply['actions'] = [one for one in reply['actions'] if one['kind'] != 'Join']",
    ): {f"X{number:02}" for number in (2, 3, 4, 5, 6, 7, 8, 10, 11, 15, 16, 17)},
    (
        "fault",
        f"[one['datagram'].update(cluster=0x99) for one in {_SENT}"
        " if one['datagram']['cluster'] == 0x13]",
    ): {"X03"},
    (
        "before",
        "if call == 'power_off' and kept: servant.answer(kept[-1])\n"
        "    if call == 'factory': kept = [line]",
    ): {"X06", "X07", "X15", "X16"},
    (
        "before",
        f"if call == 'factory' and kept: line = {_NOTHING}\n"
        "    if call == 'factory': kept = [line]",
    ): {"X08", "X09", "X10", "X11", "X16", "X17"},
    (
        "before",
        "if call == 'factory':\n"
        "        kept += [1]; line = json.dumps({**request, 'seed': '%x' % len(kept)}).encode()",
    ): {"X09"},
    ("fault", "if call == 'receive' and request['datagram']['payload'] == '': 1 / 0"): {"X10"},
    ("fault", "if call == 'event' and request['event'].get('aps_counter') == 251: 1 / 0"): {"X11"},
    (
        "fault",
        "again = call == 'wake' and kept == [request['now_us']] and not reply['actions']\n"
        "    kept = [request['now_us']] if call == 'wake' else []\n"
        "    if again: 1 / 0",
    ): {"X12"},
    (
        "fault",
        "if 'error' in reply: reply = {'id': request['id'], 'actions': [], 'deadline_us': None}",
    ): {"X13"},
    ("fault", "if 'error' in reply: 1 / 0"): {"X13", "X14"},
    ("fault", "if 'x_unknown' in request: reply = {'id': request['id'], 'error': '?'}"): {"X14"},
    ("fault", f"[one['datagram'].update(frame_counter=None) for one in {_SENT}]"): {"X15"},
    ("fault", "if 'operations' in reply: reply['operations'] = 7"): {"X16"},
    ("before", f"if call == 'cut_at': line = {_NOTHING}"): {"X17"},
}


@pytest.fixture(autouse=True)
def _no_program_stays(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(programs, "FAREWELL_US", 500 * MILLISECOND)
    yield
    CONVERSATIONS.close()


def spoilt(folder: Path, *, fault: str = "pass", before: str = "pass", end: str = "break") -> str:
    file = folder / "spoilt.py"
    file.write_text(_SPOILT.format(fault=fault, before=before, end=end), "utf-8")
    return f"{sys.executable} {file}"


def not_kept(command: str) -> set[str]:
    return {one.id for one in check(command, load("B1"), LaneOptions()) if one.kept is Kept.NOT_OK}


def test_an_emulated_bridge_keeps_every_rule() -> None:
    found = list(check(emulated("B1"), load("B1"), LaneOptions()))
    assert [(one.id, one.kept) for one in found if one.kept is not Kept.OK] == []
    assert [one.id for one in found] == ["X01", *(one.id for one in RULES)]


@pytest.mark.parametrize(("spoiling", "broken"), SPOILT.items(), ids=range(len(SPOILT)))
def test_each_rule_finds_its_fault(
    tmp_path: Path, spoiling: tuple[str, str], broken: set[str]
) -> None:
    where, statement = spoiling
    assert not_kept(spoilt(tmp_path, **{where: statement})) == broken


def test_a_bad_end_is_found(tmp_path: Path) -> None:
    assert not_kept(spoilt(tmp_path, end="sys.exit(3)")) == {"X18"}
    assert not_kept(spoilt(tmp_path, end="import time; time.sleep(1000)")) == {"X18"}


@pytest.mark.parametrize(
    ("again", "seen"),
    [
        (["a", "b"], ""),
        (["a", "c"], "happening 2: found c, wanted as in the life before, of the same seed: b"),
        (["a"], "happening 2: found its end, wanted as in the life before, of the same seed: b"),
        (
            ["a", "b", "c"],
            "happening 3: found c, wanted as in the life before, of the same seed: its end",
        ),
    ],
    ids=["alike", "other", "fewer", "more"],
)
def test_the_first_happening_that_differs_is_named(again: list[str], seen: str) -> None:
    assert first_difference(["a", "b"], again) == seen


def test_another_life_of_the_same_seed_says_where_it_differs(tmp_path: Path) -> None:
    """The first difference is the chance of the first delay."""
    before = (
        "if call == 'factory':\n"
        "        kept += [1]; line = json.dumps({**request, 'seed': '%x' % len(kept)}).encode()"
    )
    found = check(spoilt(tmp_path, before=before), load("B1"), LaneOptions())
    seen = next(one.seen for one in found if one.id == "X09")
    said = re.fullmatch(r"happening (\d+): found (.+), wanted as in .* seed: (.+)", seen)
    assert said is not None, seen
    assert int(said[1]) > 1
    assert said[2] != said[3]


# The command.


def test_check_prints_a_line_for_each_rule(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = spoilt(tmp_path, fault="if 'operations' in reply: reply['operations'] = 7")
    assert run_command(["exec", "check", command, "--profile", "B1"]) == 1
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0] == "ok      X01  says hello: Hanover, profile B1"
    wrong = "X16  counts flash operations: found 7 behind an upgrade, wanted more than 7"
    assert f"not ok  {wrong}" in lines
    assert lines[-1] == f"{len(RULES) + 1} rules, 1 not kept"
    assert said.err == ""


def test_check_prints_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["exec", "check", emulated("B2"), "--profile", "B2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["good"], document["profile"]) == (True, "B2")
    assert {one["kept"] for one in document["rules"]} == {"ok"}


def test_what_is_skipped_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_command(["exec", "check", write_program(tmp_path)])
    assert "skipped X16  counts flash operations: no capability probe" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [["exec", "check"], ["run", "--profile", "B1", "-k", "query", "--link"]],
    ids=["check", "run"],
)
def test_what_says_no_hello_is_the_environments_fault(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    scheme = "exec:" if words[-1] == "--link" else ""
    for command, why in (
        ("no-such-program", "exec:no-such-program: cannot be started: No such file or directory"),
        (write_program(tmp_path, hello="sys.exit(5)"), "found its end with exit code 5"),
    ):
        assert run_command([*words, f"{scheme}{command}"]) == 3
        said = capsys.readouterr()
        assert why in said.err
        assert (said.out, len(said.err.splitlines())) == ("", 1)


def test_a_run_over_a_program_that_breaks_is_an_error_and_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = write_program(tmp_path, "reply['deadline_us'] = -1")
    words = ["run", "--link", f"exec:{command}", "--profile", "B1", "-k", "query::", "--json"]
    assert run_command([*words, "--out", str(tmp_path / "report")]) == 3
    report = json.loads(capsys.readouterr().out)
    verdicts = {one["verdict"] for one in report["results"]}
    assert verdicts <= {"error", "unsupported"}
    reasons = [one["reason"] for one in report["results"] if one["verdict"] == "error"]
    assert reasons
    assert all("deadline_us: found -1, wanted null" in each for each in reasons)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_running_however_a_run_is_told_to_end(
    tmp_path: Path, ending: signal.Signals
) -> None:
    """The program hangs, its stdin or no: whoever started it has to end it."""
    told = tmp_path / "told"
    os.mkfifo(told)
    hang = f"open({str(told)!r}, 'w').write(str(os.getpid())); signal.pause()"
    command = write_program(tmp_path, hang)
    words = ("run", "--link", f"exec:{command}", "--profile", "B1", "-k", "query::")
    with subprocess.Popen(
        (sys.executable, "-m", "harness.cli.main", *words, "--out", str(tmp_path / "report")),
        cwd=planted.CHECKOUT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        hanging = int(told.read_text())
        process.send_signal(ending)
        _, said = process.communicate()
    assert (process.returncode, said.splitlines()[0]) == (
        130,
        "hanover: interrupted, no case has a result",
    )
    with pytest.raises(ProcessLookupError):
        os.kill(hanging, 0)


def test_a_limit_that_is_no_number_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["exec", "check", "true", "--profile", "B1", "--reply-limit", "nan"]
    assert run_command(words) == 2
    assert "'--reply-limit': found nan, wanted a number" in capsys.readouterr().err


def test_one_device_is_described_by_one_profile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["run", "--link", f"exec:{write_program(tmp_path)}"]) == 2
    said = capsys.readouterr().err
    assert "--profile: found B1, B2, B3, B4, wanted the one that describes a test's" in said


def test_a_defect_is_planted_in_bridges_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["run", "--link", f"exec:{emulated('B1')}", "--defect", "D001"]) == 2
    assert "--defect: found --link exec:" in capsys.readouterr().err


def test_an_upgrade_over_a_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file.ota"
    words = ["image", "build", str(file), "--payload", __file__, "--version", "5"]
    assert run_command([*words, "--manufacturer", "0xFFF1", "--type", "1"]) == 0
    capsys.readouterr()
    assert run_command(["upgrade", str(file), "--link", f"exec:{emulated('B1')}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ending"] == "confirmed"


def test_a_device_that_is_what_it_is_is_not_fitted_to_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file is for another maker: the bridge becomes that one's, this program refuses it."""
    file = tmp_path / "file.ota"
    words = ["image", "build", str(file), "--payload", __file__, "--version", "0x02000000"]
    assert run_command([*words, "--manufacturer", "0x121D", "--type", "1"]) == 0
    stays = spoilt(tmp_path, fault="if call == 'hello': reply['capabilities'].remove('settings')")
    for command, code, ending in ((emulated("B1"), 0, "confirmed"), (stays, 1, "refused")):
        capsys.readouterr()
        assert run_command(["upgrade", str(file), "--link", f"exec:{command}", "--json"]) == code
        assert json.loads(capsys.readouterr().out)["ending"] == ending


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["exec", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Hanover exec protocol 1"


def test_emulate_answers_lines_and_ends_with_its_stdin(tmp_path: Path) -> None:
    """A profile of the user's own, as a program of its own."""
    file = tmp_path / "mine.toml"
    file.write_text(as_toml(load("B1")).replace('name = "B1"', 'name = "mine"'), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli.main", "emulate", str(file), "--stdio"],
        input=b'{"id":1,"call":"hello","protocol":1}\nnonsense\n',
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        timeout=60,
    )
    hello, complaint = (json.loads(line) for line in done.stdout.splitlines())
    assert (done.returncode, done.stderr) == (0, b"")
    assert hello["name"].endswith("profile mine")
    assert complaint["error"].startswith("found b'nonsense")


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["emulate", "B1"], 2, "wanted --stdio"),
        (["emulate", "B9", "--stdio"], 2, "B9: no such profile"),
        (["exec", "check", "x", "--reply-limit", "0"], 2, "--reply-limit"),
        (["exec", "check", "x", "--profile", "B9"], 2, "B9: no such profile"),
    ],
)
def test_wrong_use(
    words: list[str], code: int, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(words) == code
    assert why in capsys.readouterr().err
