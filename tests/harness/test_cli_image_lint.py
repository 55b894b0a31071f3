"""Hold ``hanover image lint`` to its exit codes, over one file and over folders of them."""

import json
import os
import pty
import sys
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE, run

import pytest
from click.testing import CliRunner, Result

from emulator.image.build import build
from emulator.image.edits import apply
from harness.cli import image_lint
from harness.cli.image import COMMANDS, image

GOOD = build(payload=b"payload" * 20, manufacturer=0xFFF1, image_type=3, version=7)
LONG = apply(GOOD, [{"append": "00"}])
WILD = build(payload=b"payload", manufacturer=0xFFFF, image_type=3, version=7)


def call(*arguments: str | Path) -> Result:
    """Run the command; an exception that is no exit fails the test here."""
    result = CliRunner().invoke(image, ["lint", *(str(one) for one in arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def summary(*arguments: str | Path) -> dict[str, object]:
    """Return the counts that JSON tells."""
    found: dict[str, object] = json.loads(call(*arguments, "--json").stdout)["summary"]
    return found


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Write a folder of folders: 2 clean files, a flawed one, a broken one, and others."""
    for name, data in {
        "a/good.ota": GOOD,
        "a/deep/er/wild.bin": WILD,
        "b/long.zigbee": LONG,
        "b/broken.OTA": b"no firmware",
        "b/README.md": b"about these files",
        "empty": b"",
    }.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "tree"


def test_one_clean_file(tree: Path) -> None:
    """Say so, and exit with 0; advice does not change that."""
    path = tree / "a/good.ota"
    result = call(path)
    assert (result.exit_code, result.stdout) == (0, f"{path}: clean, {len(GOOD)} octets\n")
    advised = call(tree / "a/deep/er/wild.bin")
    assert advised.exit_code == 0
    assert "at 10: advice: manufacturer-wildcard: found the wildcard 0xffff" in advised.stdout


def test_one_flawed_file(tree: Path) -> None:
    """Name file, offset, severity, code, found, wanted and clause in one line; exit with 1."""
    path = tree / "b/long.zigbee"
    result = call(path)
    assert result.exit_code == 1
    assert result.stdout == (
        f"{path}: at {len(GOOD)}: flaw: trailing: found 1 octets more, wanted the end of the file"
        " (ZCL 11.4.2.10)\n"
    )
    (file,) = json.loads(call(path, "--json").stdout)["files"]
    assert (file["file"], file["size"], file["clean"]) == (str(path), len(LONG), False)
    assert file["flaws"] == [
        {
            "offset": len(GOOD),
            "code": "trailing",
            "severity": "flaw",
            "found": "1 octets more",
            "expected": "the end of the file",
            "clause": "ZCL 11.4.2.10",
        }
    ]


def test_a_tree_is_counted(tree: Path) -> None:
    """Search to the depths; count by file and by code; skip what does not claim to be one."""
    result = call(tree)
    assert result.exit_code == 1
    assert f"{tree}/b/broken.OTA: unreadable: OtaHeader: need 56 octets" in result.stdout
    assert "good.ota" not in result.stdout
    assert result.stdout.splitlines()[-3:] == [
        "4 files: 2 clean, 1 flawed, 1 unreadable; 2 skipped",
        "       1 file  manufacturer-wildcard",
        "       1 file  trailing",
    ]
    assert summary(tree) == {
        "files": 4,
        "clean": 2,
        "flawed": 1,
        "unreadable": 1,
        "skipped": 2,
        "interrupted": False,
        "by_code": {"manufacturer-wildcard": 1, "trailing": 1},
    }


def test_a_pattern_says_what_is_meant(tree: Path) -> None:
    """Look at what matches alone, and skip none of it."""
    counts = summary(tree, "--glob", "*.md", "--glob", "*.bin")
    assert (counts["files"], counts["unreadable"], counts["skipped"]) == (2, 1, 0)
    assert call(tree / "a", "--glob", "*.ota").exit_code == 0


def test_files_and_folders_together(tree: Path) -> None:
    """Take several paths in their order."""
    files = json.loads(call(tree / "b/long.zigbee", tree / "a", "--json").stdout)["files"]
    assert [Path(one["file"]).name for one in files] == ["long.zigbee", "wild.bin", "good.ota"]


def test_nothing_found_is_no_success(tree: Path) -> None:
    """Exit with 2 for a folder without firmware, a pattern without match, and no such path."""
    for arguments in ((tree / "b", "--glob", "*.nothing"), (tree / "none",)):
        result = call(*arguments)
        assert result.exit_code == 2
        assert "found n" in result.stderr
    (tree / "only").mkdir()
    (tree / "only" / "text").write_bytes(b"text")
    assert call(tree / "only").exit_code == 2
    assert CliRunner().invoke(image, ["lint"]).exit_code == 2


def test_a_named_file_that_is_none_is_flawed(tree: Path) -> None:
    """Exit with 1 for a file that was meant and has no header, or nothing in it."""
    assert call(tree / "b/README.md").exit_code == 1
    result = call(tree / "empty")
    assert result.exit_code == 1
    assert "unreadable: found 0 octets" in result.stdout


def test_what_the_machine_refuses_is_not_the_datas_fault(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit with 3 where the rest is clean, and with 1 where it is not."""

    def refuse(path: Path) -> bytes:
        if path.name == "good.ota":
            raise image_lint.Environment(f"{path}: cannot be read: no")
        return path.read_bytes()

    monkeypatch.setattr(image_lint, "read_file", refuse)
    assert call(tree / "a").exit_code == 3
    assert call(tree).exit_code == 1


@pytest.mark.parametrize("as_json", [False, True])
def test_ctrl_c_keeps_what_was_found(
    tree: Path, monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    """Print what was found till then, and exit with 130."""
    real = image_lint.read_file

    def stop(path: Path) -> bytes:
        if path.name == "README.md":
            raise KeyboardInterrupt
        return real(path)

    monkeypatch.setattr(image_lint, "read_file", stop)
    result = call(tree / "b/long.zigbee", tree / "b", *(["--json"] if as_json else []))
    assert result.exit_code == 130
    assert "trailing" in result.stdout
    if as_json:
        assert json.loads(result.stdout)["summary"]["interrupted"] is True
    assert "interrupted after 1 of 4 files" in result.stderr or as_json


def on_a_terminal(*arguments: str | Path) -> tuple[int, str, bytes]:
    """Run the command with a terminal for stderr; return exit code, stdout and what was shown."""
    master, terminal = pty.openpty()
    command = [sys.executable, "-m", "harness.cli.main", "image", "lint", *map(str, arguments)]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    with Path("/dev/null").open() as nothing:
        done = run(command, stdin=nothing, stdout=PIPE, stderr=terminal, env=environment)
    os.close(terminal)
    shown = b""
    with suppress(OSError):  # the other side is closed
        while part := os.read(master, 65536):
            shown += part
    os.close(master)
    return done.returncode, done.stdout.decode(), shown


def test_a_terminal_gets_a_bar(tree: Path) -> None:
    """Show progress on stderr alone, and only for many files."""
    code, printed, shown = on_a_terminal(tree)
    assert code == 1
    assert "4 files: 2 clean" in printed
    assert b"lint" in shown
    assert b"6/6" in shown
    assert on_a_terminal(tree / "a/good.ota")[2] == b""


def test_hashes_and_container_are_choices(tree: Path) -> None:
    """Leave hashes out, and read as a raw container what is none."""
    path = tree / "bad.ota"
    path.write_bytes(apply(GOOD, [{"at": -1, "xor": "01"}]))
    assert call(path).exit_code == 1
    assert call(path, "--no-hashes").exit_code == 0
    assert "container: found sub-elements" in call(path, "--container", "gbcs").stdout


def test_links_to_folders_are_not_followed(tree: Path) -> None:
    """End, though a folder links to itself."""
    (tree / "a" / "again").symlink_to(tree)
    assert summary(tree)["files"] == 4


@pytest.mark.parametrize("as_json", [False, True])
def test_a_folder_that_cannot_be_read_is_said_to_be_so(
    tree: Path, monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    """Exit with 3: nobody knows what is in there, and no silence may call it clean."""
    real = os.scandir

    def scandir(path: str | Path) -> object:
        if Path(path).name == "er":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    result = call(tree / "a", *(["--json"] if as_json else []))
    assert result.exit_code == 3
    assert "cannot be read" in result.stdout
    assert str(tree / "a/deep/er") in result.stdout


def test_a_file_that_cannot_be_asked_about_is_said_to_be_so(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Go on, and exit with 3, where a folder may be listed and not entered."""
    real = Path.is_file

    def is_file(path: Path) -> bool:
        if path.name == "good.ota":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(Path, "is_file", is_file)
    result = call(tree / "a")
    assert result.exit_code == 3
    assert "good.ota: unreadable: cannot be read" in result.stdout
    assert "2 files: 1 clean" in result.stdout


def test_every_subcommand_is_there() -> None:
    """Import each command of the table, under its name."""
    for name in COMMANDS:
        result = CliRunner().invoke(image, [name, "--help"])
        assert result.exit_code == 0
        assert f" {name} " in result.stdout
    assert CliRunner().invoke(image, ["nothing"]).exit_code == 2
