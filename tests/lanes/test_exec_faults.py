"""A device program that breaks the protocol is named in one line, and ended for certain."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.errors import LinkError
from emulator.profiles.load import load
from emulator.units import MILLISECOND, SECOND
from harness.bench import Bench
from harness.lanes import program as programs
from harness.lanes.exec import CONVERSATIONS, MOST_SILENT, Conversation, ExecLane
from harness.lanes.port import LaneOptions
from harness.lanes.program import LOG_OCTETS, LONGEST_LINE, Program
from tests.lanes.device_programs import gone, write_program

CHECKOUT = Path(__file__).resolve().parents[2]
SOON = LaneOptions(reply_limit_us=300 * MILLISECOND)
PATIENT = LaneOptions(reply_limit_us=20 * SECOND)


@pytest.fixture(autouse=True)
def _no_program_stays(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(programs, "FAREWELL_US", 300 * MILLISECOND)
    yield
    CONVERSATIONS.close()


def bench_of(command: str, options: LaneOptions = PATIENT) -> Bench:
    return Bench(load("B1"), link=f"exec:{command}", options=options)


def conversation(bench: Bench) -> Conversation:
    assert isinstance(bench.lane, ExecLane)
    return bench.lane.conversation


#: What a program does at power_on, the third line that it writes, and what is said of it.
FAULTS = [
    ("sys.exit(4)", "found its end with exit code 4, wanted a reply"),
    ("os.kill(os.getpid(), 9)", "found its end with signal SIGKILL, wanted a reply"),
    (
        "out.write('{\"id\":'); sys.exit(1)",
        "found its end with exit code 1 behind '{\"id\":', wanted",
    ),
    ("raise ValueError('why')", "exit code 1, .*; its stderr ends with: 'ValueError: why'"),
    (
        "reply = None; out.write('no JSON\\n'); out.flush()",
        "found 'no JSON', wanted a JSON object",
    ),
    ("out.buffer.write(b'\\xff\\n'); out.flush(); reply = None", "wanted a JSON object"),
    (
        "sys.stderr.write('Error: why\\n    at f (x.js)\\n'); sys.exit(1)",
        "exit code 1, .*; its stderr ends with: 'Error: why'",
    ),
    ("reply = [1]", r"found '\[1\]', wanted a JSON object"),
    ("reply['id'] += 1", "reply to power_on: id: found 4, wanted 3"),
    ("reply['id'] = None", "id: found None, wanted 3"),
    ("del reply['actions']", "actions: found nothing, wanted a value"),
    ("del reply['deadline_us']", "deadline_us: found nothing, wanted a value"),
    ("reply['deadline'] = None", "deadline: unknown, wanted id, actions, deadline_us"),
    ("reply['actions'] = {}", "actions: found {}, wanted an array"),
    ("reply['actions'] = [{'kind': 'Dance'}]", r"actions\[0\]: kind 'Dance': expected one of"),
    ("reply['actions'] = [{'kind': 'PowerOff'}]", r"actions\[0\]: found PowerOff, wanted Send"),
    ("reply['actions'] = [{'kind': 'Poll'}, 5]", r"actions\[1\]: found 5, wanted an object"),
    ("reply['actions'] = [{'kind': 'Reboot', 'after_us': -1}]", "after_us: found -1, wanted 0 to"),
    (
        "reply['actions'] = [{'kind': 'Join', 'eui64': 5, 'rejoin': False}]",
        "Join: eui64: found 5, wanted 16 hex digits",
    ),
    (
        "reply['deadline_us'] = now - 1",
        r"deadline_us: found -1, wanted null or 0 \(now_us\) or late",
    ),
    ("reply['deadline_us'] = 2**53", "deadline_us: found 9007199254740992, wanted null or 90"),
    ("reply['deadline_us'] = 1.5", "deadline_us: found 1.5, wanted null"),
    ("reply['deadline_us'] = True", "deadline_us: found True, wanted null"),
    ("reply['power_lost'] = 1", "power_lost: found 1, wanted true or false"),
    ("reply['dead'] = ['x']", r"dead: found \['x'\], wanted a string"),
    (
        "reply |= {'dead': 'both slots', 'actions': [{'kind': 'Poll'}]}",
        "actions: found 1, wanted none with dead",
    ),
    (
        "reply = {'id': request['id'], 'error': 'no power'}",
        "found error 'no power', wanted it done",
    ),
    ("out.write(json.dumps(reply) + '\\n')", "line 4: found a second reply, .*wanted one line"),
]


@pytest.mark.parametrize(("fault", "complaint"), FAULTS, ids=[each[0][:40] for each in FAULTS])
def test_a_fault_is_one_line_and_the_programs_end(
    tmp_path: Path, fault: str, complaint: str
) -> None:
    bench = bench_of(write_program(tmp_path, fault))
    talk = conversation(bench)
    with pytest.raises(LinkError, match=complaint) as caught:
        bench.lane.power(True)
    assert str(caught.value).startswith(f"exec:{talk.program.command}: line ")
    assert "\n" not in str(caught.value)
    assert gone(talk.program.pid)
    bench.close()
    with pytest.raises(LinkError, match="lane is closed"):
        conversation(bench)


@pytest.mark.parametrize(
    ("hello", "complaint"),
    [
        ("reply['protocol'] = 2", "reply to hello: protocol: found 2, wanted 1"),
        ("del reply['name']", "name: found nothing"),
        ("reply['name'] = 5", "name: found 5, wanted a string"),
        (
            "reply['capabilities'] = ['flight']",
            "capabilities: found 'flight', wanted some of events",
        ),
        ("reply['capabilities'] = 'probe'", "capabilities: found 'probe', wanted an array"),
        ("reply['actions'] = [{'kind': 'Poll'}]", "actions: found 1, wanted none with hello"),
        ("sys.exit(0)", "line 1: found its end with exit code 0, wanted a reply"),
    ],
)
def test_a_hello_that_is_none(tmp_path: Path, hello: str, complaint: str) -> None:
    with pytest.raises(LinkError, match=complaint):
        bench_of(write_program(tmp_path, hello=hello))


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("", "found no command, wanted exec:COMMAND"),
        ("no-such-program-anywhere", "cannot be started: No such file or directory"),
        ("'unfinished", "No closing quotation, wanted a command line"),
        (f"{CHECKOUT}", "cannot be started: Permission denied"),
    ],
)
def test_what_cannot_be_started(command: str, complaint: str) -> None:
    with pytest.raises(LinkError, match=complaint):
        bench_of(command)


def test_a_program_that_hangs_is_ended_after_its_time(tmp_path: Path) -> None:
    bench = bench_of(write_program(tmp_path, "time.sleep(1000)"), SOON)
    pid = conversation(bench).program.pid
    with pytest.raises(LinkError, match=r"line 3: found no reply in 0\.3 s, wanted one"):
        bench.lane.power(True)
    assert gone(pid)


def test_a_program_that_talks_to_stderr_for_ever_hangs_as_well(tmp_path: Path) -> None:
    fault = "exec('while True: sys.stderr.write(chr(46) * 999 + chr(10))')"
    bench = bench_of(write_program(tmp_path, fault), SOON)
    program = conversation(bench).program
    with pytest.raises(LinkError, match=r"found no reply in 0\.3 s.*stderr ends with: '\.\.\."):
        bench.lane.power(True)
    assert gone(program.pid)
    assert len(program.log) <= LOG_OCTETS


def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    fault = f"reply = None; out.write('x' * {LONGEST_LINE + 100}); out.flush(); time.sleep(1000)"
    bench = bench_of(write_program(tmp_path, fault))
    with pytest.raises(LinkError, match=f"a line of more than {LONGEST_LINE} octets, 'xxx"):
        bench.lane.power(True)


def test_a_reply_that_comes_with_the_next_request_is_seen(tmp_path: Path) -> None:
    bench = bench_of(write_program(tmp_path, "reply = last", at="power_off"))
    bench.lane.power(True)
    with pytest.raises(LinkError, match="line 4: reply to power_off: id: found 3, wanted 4"):
        bench.lane.power(False)


def test_much_on_stderr_and_a_large_image_do_not_block(tmp_path: Path) -> None:
    """Both pipes are full at once: neither side waits for the other."""
    fault = "sys.stderr.write('y' * 500_000); sys.stderr.flush()"
    command = write_program(tmp_path, fault, at="factory", before="import time")
    image = bytes(500_000)
    bench = Bench(load("B1"), link=f"exec:{command}", options=PATIENT, first_image=image)
    assert conversation(bench).program.log == "y" * LOG_OCTETS


def test_its_last_words_are_kept_with_the_error(tmp_path: Path) -> None:
    fault = "sys.stderr.write('one\\ntwo\\n'); sys.exit(1)"
    bench = bench_of(write_program(tmp_path, fault))
    with pytest.raises(LinkError, match="ends with: 'two'") as caught:
        bench.lane.power(True)
    assert caught.value.__notes__ == ["The end of its stderr:\none\ntwo"]


# One program, many benches; and no program in the end.


def test_the_next_bench_has_the_same_program(tmp_path: Path) -> None:
    command = write_program(tmp_path)
    first = bench_of(command)
    pid = conversation(first).program.pid
    second = bench_of(command)
    assert conversation(second).program.pid != pid  # the first one is in use
    first.close()
    first.close()
    third = bench_of(command)
    assert conversation(third).program.pid == pid


def test_a_program_that_failed_is_replaced(tmp_path: Path) -> None:
    command = write_program(tmp_path, "sys.exit(1)", at="event")
    first = bench_of(command)
    pid = conversation(first).program.pid
    with pytest.raises(LinkError):
        conversation(first).ask("event")
    with pytest.raises(LinkError, match="is no longer asked, it failed before"):
        conversation(first).ask("event")
    first.close()
    assert conversation(bench_of(command)).program.pid != pid


def test_after_some_silent_programs_in_a_row_none_is_started(tmp_path: Path) -> None:
    """A run of a thousand cases does not wait a thousand times."""
    command = write_program(tmp_path, "time.sleep(1000)")
    limits = LaneOptions(reply_limit_us=100 * MILLISECOND)
    for _ in range(MOST_SILENT):
        bench = bench_of(command, PATIENT)
        conversation(bench).program.limit_us = limits.reply_limit_us
        with pytest.raises(LinkError, match="found no reply in"):
            bench.lane.power(True)
        bench.close()
    with pytest.raises(LinkError, match=rf"not started again: {MOST_SILENT} in a row were silent"):
        bench_of(command)
    CONVERSATIONS.close()  # the end of a run: the next one tries anew
    bench_of(command).close()


def test_a_program_that_answers_between_silent_ones_is_started_again(tmp_path: Path) -> None:
    command = write_program(tmp_path, "time.sleep(1000)")
    for _ in range(MOST_SILENT):
        bench = bench_of(command, PATIENT)
        conversation(bench).program.limit_us = 100 * MILLISECOND
        with pytest.raises(LinkError, match="found no reply in"):
            bench.lane.power(True)
        bench.close()
        bench_of(command).close()


def test_bye_ends_a_program_politely(tmp_path: Path) -> None:
    talk = conversation(bench_of(write_program(tmp_path, "reply['x'] = 1", at="bye")))
    assert talk.part() == 0
    assert gone(talk.program.pid)


@pytest.mark.parametrize("deaf", [False, True], ids=["to bye", "to bye and TERM"])
def test_a_program_that_does_not_go_is_made_to(tmp_path: Path, deaf: bool) -> None:
    before = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)" if deaf else ""
    command = write_program(tmp_path, "time.sleep(1000)", at="bye", before=before)
    talk = conversation(bench_of(command))
    assert talk.part() is None
    assert gone(talk.program.pid)


def test_what_it_started_ends_with_it(tmp_path: Path) -> None:
    child = "import time; time.sleep(1000)"
    start = f"subprocess.Popen([sys.executable, '-c', {child!r}])"
    command = write_program(
        tmp_path,
        before=f"import subprocess, sys\nchild = {start}",
        at="event",
        fault="sys.stderr.write(f'{child.pid} is it'); sys.exit(1)",
    )
    talk = conversation(bench_of(command))
    with pytest.raises(LinkError, match="is it"):
        talk.ask("event")
    assert gone(talk.program.pid)
    assert gone(int(talk.program.log.split()[0]))


def test_a_program_alone_counts_its_lines(tmp_path: Path) -> None:
    program = Program(write_program(tmp_path), limit_us=20 * SECOND)
    program.ask(b'{"id": 1, "call": "x"}\n')
    assert program.ask(b'{"id": 2, "call": "x"}\n').startswith(b'{"id": 2')
    assert (program.replies, program.alive) == (2, True)
    assert program.end() == 0  # its stdin ended
    assert not program.alive


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_leaves_nothing_running(tmp_path: Path, workers: str) -> None:
    """A command is interrupted while a program hangs: it ends with 130, and so do all programs."""
    told = tmp_path / "told"
    os.mkfifo(told)
    fault = (
        f"open({str(told)!r}, 'w').write(f'{{os.getpid()}} {{os.getppid()}}.'); time.sleep(1000)"
    )
    command = write_program(tmp_path, fault)
    words = [sys.executable, "-m", "harness.cli.main", "run", "--profile", "B1", "-n", workers]
    words += ["-k", "query", "--link", f"exec:{command}", "--out", str(tmp_path / "report")]
    run = subprocess.Popen(
        [*words, "--reply-limit", "60"],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        pipe = os.open(told, os.O_RDONLY | os.O_NONBLOCK)
        said = b""
        while not said.endswith(b".") and run.poll() is None:
            if select.select([pipe], [], [], 0.1)[0]:
                said += os.read(pipe, 100)
        os.close(pipe)
        pids = [int(one) for one in said.replace(b".", b" ").split()]  # of one program or two
        os.killpg(run.pid, signal.SIGINT)
        _, errors = run.communicate(timeout=60)
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
    assert run.returncode == 130, errors
    assert all(gone(one) for one in pids)
