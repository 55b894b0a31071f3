"""``hanover`` is quick to answer, and every end has one line and its exit code."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from emulator.errors import LinkError, ProfileError
from emulator.image.build import build
from harness.cli import main
from harness.cli.main import COMMANDS, hanover, run_command
from tests.harness import planted

#: What --help must not cost; each is hundreds of milliseconds, or somebody's licence.
HEAVY = ("pytest", "rich", "jinja2", "jsonschema", "cryptography", "emulator", "harness.suite")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from harness.cli.main import run_command\n"
        "assert run_command(['--help']) == 0\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run(
        (sys.executable, "-c", code),
        cwd=planted.CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


#: Begins the command as its script does, and has Ctrl-C come while a module is imported.
BEGUN = """
import sys
before = set(sys.modules)
from harness.cli.entry import main
assert set(sys.modules) - before == {"harness", "harness.cli", "harness.cli.entry"}
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            raise KeyboardInterrupt
module, sys.argv[1:] = sys.argv[1], ["profiles"]
sys.meta_path.insert(0, Finder())
main()
"""


@pytest.mark.parametrize("module", ["harness.cli.main", "click", "harness.cli.profiles"])
def test_interruption_while_it_starts_is_one_line(module: str) -> None:
    done = subprocess.run(
        (sys.executable, "-c", BEGUN, module),
        cwd=planted.CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "hanover: interrupted\n")


def test_every_command_is_listed_and_can_be_asked_for_help(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_command(["--help"]) == 0
    listed = capsys.readouterr().out
    for name in COMMANDS:
        assert f"\n  {name} " in listed
        assert run_command([name, "--help"]) == 0
        assert f"Usage: hanover {name}" in capsys.readouterr().out


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["--version"]) == 0
    assert capsys.readouterr().out.startswith("hanover 0")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bake"], "No such command 'bake'"),
        (["run", "--bake"], "No such option"),
        (["upgrade"], "Missing argument 'FILE'"),
    ],
)
def test_wrong_use_is_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(arguments) == 2
    said_on = capsys.readouterr()
    assert said_on.out == ""
    assert said in said_on.err
    assert said_on.err.startswith("hanover: ")
    assert len(said_on.err.splitlines()) == 1


ENDS: list[tuple[BaseException, int, str]] = [
    (LinkError("the stick is gone"), 3, "the stick is gone"),
    (ProfileError("x.toml: name: found 3, expected a string"), 2, "x.toml: name: found 3"),
    (FileNotFoundError(2, "No such file or directory", "x"), 3, "x: No such file or directory"),
    (KeyboardInterrupt(), 130, "interrupted"),
    (click.Abort(), 130, "interrupted"),
    (click.ClickException("no"), 1, "no"),
    (RuntimeError("two\nlines"), 3, "a fault of Hanover itself: RuntimeError: two lines"),
]


@pytest.mark.parametrize(("error", "code", "said"), ENDS)
def test_every_error_has_one_line_and_a_code(
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    @click.command()
    def broken() -> None:
        raise error

    monkeypatch.setattr(hanover, "get_command", lambda context, name: broken)
    assert run_command(["broken"]) == code
    err = capsys.readouterr().err
    assert err.startswith(f"hanover: {said}")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(("given", "code"), [(0, 0), (1, 1), (None, 0), ("text", 1)])
def test_a_commands_own_code_is_kept(
    given: object, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command()
    def ends() -> None:
        raise SystemExit(given)

    monkeypatch.setattr(hanover, "get_command", lambda context, name: ends)
    assert run_command(["ends"]) == code


def test_main_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["hanover", "profiles", "no-such"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 2


def test_a_closed_pipe_is_no_traceback(tmp_path: Path) -> None:
    code = "from harness.cli.main import main; main()"
    command = (sys.executable, "-c", code, "profiles", "--json")
    with subprocess.Popen(
        command,
        cwd=planted.CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()


def _unread(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process whose standard output nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return subprocess.run(
            (sys.executable, "-m", "harness.cli.main", *arguments),
            cwd=planted.CHECKOUT,
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writer)


def test_a_closed_pipe_does_not_change_the_exit_code(tmp_path: Path) -> None:
    flawed = tmp_path / "flawed.ota"
    flawed.write_bytes(build(payload=bytes(99), manufacturer=1, image_type=1, version=1)[:-1])
    for arguments, code in (
        (("profiles",), 0),
        (("--version",), 0),
        (("image", "inspect", str(flawed)), 1),
        (("profiles", "B9"), 2),
    ):
        done = _unread(*arguments)
        assert done.returncode == code, arguments
        assert len(done.stderr.splitlines()) == (code == 2), done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            (sys.executable, "-m", "harness.cli.main", "profiles"),
            cwd=planted.CHECKOUT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (3, "hanover: No space left on device\n")


@pytest.mark.parametrize("words", [("profiles",), ("run", "-k", "idle_attributes")])
def test_no_standard_output_at_all_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "argv", ["hanover", *words])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 0
