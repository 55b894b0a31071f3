"""Hold ``hanover image`` to its exit codes, its one-line complaints and its two views of a file."""

import hashlib
import json
import os
import sys
from pathlib import Path
from subprocess import run

import click
import pytest
from click.testing import CliRunner, Result

from emulator.crypto.suites import Suite
from emulator.image.build import build, refit_integrity
from emulator.image.edits import apply
from emulator.wire.manifest import Trait, read_manifest
from emulator.wire.ota_file import Container, Element
from emulator.wire.ota_reader import read
from harness.cli.image import COMMANDS, image
from harness.cli.image_files import LARGEST_FILE
from tests.image.signers import SIGNED

PLAIN = ("--manufacturer", "0xfff1", "--type", "3", "--version", "0x01020304")
GOOD = build(payload=b"payload" * 20, manufacturer=0xFFF1, image_type=3, version=7)


def call(*arguments: str | Path) -> Result:
    """Run the command; an exception that is no exit fails the test here."""
    result = CliRunner().invoke(image, [str(one) for one in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result


def one_line(result: Result) -> str:
    """Return the complaint, and see that it is one line and nothing went to stdout."""
    assert result.stdout == ""
    assert result.stderr.endswith("\n")
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """Write an honest file."""
    path = tmp_path / "good.ota"
    path.write_bytes(GOOD)
    return path


# inspect


def test_an_honest_file_is_shown(good: Path) -> None:
    """Show header, elements with their offsets, manifest, integrity code, and no findings."""
    result = call("inspect", good)
    assert (result.exit_code, result.stderr) == (0, "")
    for line in (
        f"{good}: {len(GOOD)} octets, container zcl",
        "  manufacturer        0xfff1",
        "  at 56        tag 0x0000  206 octets  upgrade image",
        "  at 268       tag 0x0003  16 octets  integrity code",
        "  payload             140 octets",
        f"integrity code: good, {GOOD[-16:].hex()}",
        "findings: none",
    ):
        assert line in result.stdout.splitlines()


def test_json_shows_the_same(good: Path) -> None:
    """Print one JSON object with every part."""
    view = json.loads(call("inspect", good, "--json").stdout)
    assert view["file"] == str(good)
    assert (view["size"], view["container"], view["flawed"]) == (len(GOOD), "zcl", False)
    assert view["header"]["file_version"] == 7
    assert [(e["offset"], e["tag"], e["size"]) for e in view["elements"]] == [
        (56, 0, 206),
        (268, 3, 16),
    ]
    assert view["image"]["offset"] == 62
    assert view["image"]["sha256"] == hashlib.sha256(GOOD[62:268]).hexdigest()
    assert view["manifest"]["payload_length"] == 140
    assert view["integrity"]["good"] is True
    assert view["findings"] == []


def _edited(at: int, octet: int, *, refit: bool) -> bytes:
    data = bytearray(GOOD)
    data[at] = octet
    return refit_integrity(bytes(data)) if refit else bytes(data)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (GOOD[:-1], "size-too-long"),
        (_edited(4, 1, refit=True), "header-version"),
        (_edited(14, 8, refit=True), "manifest-claim: found file version 0x7, expected 0x8"),
        (_edited(140, 0, refit=True), "manifest-digest: found"),
        (_edited(66, 0, refit=True), "manifest-unreadable: found ImageManifest: version"),
        (_edited(20, 0x58, refit=False), "integrity code: wrong, "),
        (_edited(20, 0x58, refit=False), "integrity-wrong: found"),
        (apply(SIGNED[Suite.ONE], [{"at": "signature", "put": "00" * 21}]), "signature-range"),
        (b"wrap" + GOOD, "wrapper: 4 octets before the magic"),
    ],
)
def test_a_flawed_file_exits_with_1(tmp_path: Path, data: bytes, expected: str) -> None:
    """Show the file all the same, and say what is wrong, in both views."""
    path = tmp_path / "flawed.ota"
    path.write_bytes(data)
    result = call("inspect", path)
    assert result.exit_code == 1
    assert expected in result.stdout
    as_json = call("inspect", path, "--json")
    assert (as_json.exit_code, json.loads(as_json.stdout)["flawed"]) == (1, True)


def test_several_integrity_codes_are_a_flaw(tmp_path: Path) -> None:
    """Judge one hash, not one a code: a file may hold thousands of them."""
    path = tmp_path / "codes.ota"
    codes = (Element(3, bytes(16)),) * 3
    path.write_bytes(build(payload=b"x", manufacturer=1, image_type=1, version=1, elements=codes))
    result = call("inspect", path)
    assert result.exit_code == 1
    assert "integrity code: found 4 of them, expected one" in result.stdout


@pytest.mark.parametrize(
    ("image_type", "tag", "lines"),
    [
        (3, 0xFFBE, ["0x0003  manufacturer's own", "tag 0xffbe  6 octets  vendor's own"]),
        (0xFFC0, 0x0004, ["0xffc0  client credentials", "tag 0x0004  6 octets  picture"]),
        (0xFFC4, 0x0007, ["0xffc4  reserved", "tag 0x0007  6 octets  reserved", "flagged"]),
        (0xFFFF, 0x0004, ["0xffff  wildcard", "flagged image-type-wildcard"]),
    ],
)
def test_f010_types_and_tags_are_named(
    tmp_path: Path, image_type: int, tag: int, lines: list[str]
) -> None:
    """OTA-F-010: name what is named, flag what is reserved, and exit with 0 for a flag."""
    path = tmp_path / "named.ota"
    path.write_bytes(
        build(
            payload=b"x",
            manufacturer=1,
            image_type=image_type,
            version=1,
            elements=(Element(tag, b"octets"),),
        )
    )
    result = call("inspect", path)
    assert result.exit_code == 0
    for line in lines:
        assert line in result.stdout


@pytest.mark.parametrize(("version", "name"), [(0, "SE 1.0"), (3, "SE 1.2"), (4, "unknown")])
def test_optional_fields_are_shown(tmp_path: Path, version: int, name: str) -> None:
    """OTA-F-013: credential version, destination and hardware range, where they are."""
    path = tmp_path / "optional.ota"
    path.write_bytes(
        build(
            payload=b"x",
            manufacturer=1,
            image_type=1,
            version=1,
            credential_version=version,
            destination=0x1122,
            hardware=(1, 0x0203),
        )
    )
    text = call("inspect", path).stdout
    assert f"  credential version  {version}  {name}" in text
    assert "  destination         0x0000000000001122" in text
    assert "  hardware            0x0001 to 0x0203" in text


def test_a_raw_container_is_shown(tmp_path: Path) -> None:
    """Show the container, the body's size and hash, and the trailer; then force the other."""
    path = tmp_path / "raw.ota"
    body = b"CriticalSoftware" * 9
    path.write_bytes(
        build(
            payload=body,
            manufacturer=0x121D,
            image_type=0,
            version=1,
            hardware=(1, 2),
            container=Container.GBCS,
            manifest=False,
            signature=bytes(range(64)),
        )
    )
    result = call("inspect", path)
    assert result.exit_code == 0
    assert "container gbcs" in result.stdout
    assert "  size                144" in result.stdout
    assert hashlib.sha256(body).hexdigest() in result.stdout
    assert f"trailer: 00 40, signature {bytes(range(64)).hex()}" in result.stdout
    forced = call("inspect", path, "--container", "zcl")
    assert forced.exit_code == 1
    assert "element-cut" in forced.stdout


def test_an_escape_in_the_header_never_reaches_the_terminal(tmp_path: Path) -> None:
    """OTA-F-029: print a string that would clear the screen as text."""
    path = tmp_path / "escape.ota"
    path.write_bytes(
        build(payload=b"x", manufacturer=1, image_type=1, version=1, header_string=b"\x1b[2J\xff")
    )
    result = call("inspect", path)
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert "\\x1b[2J\\xff" in result.stdout


def test_what_is_no_ota_file_is_flawed(tmp_path: Path) -> None:
    """Say in one line what was found and wanted; exit 1."""
    path = tmp_path / "text.ota"
    path.write_bytes(b"no firmware, but a text that is long enough for a header all the same")
    result = call("inspect", path)
    assert result.exit_code == 1
    assert f"{path}: no OTA header: 1e f1 ee 0b is nowhere in 69 octets" in one_line(result)
    path.write_bytes(GOOD[:40])
    assert "need 56 octets, have 40" in one_line(call("inspect", path))


def test_a_file_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    """Exit with 2 for nothing, a directory, an empty file, a device, and a huge file."""
    empty, huge = tmp_path / "empty.ota", tmp_path / "huge.ota"
    empty.touch()
    with huge.open("wb") as stream:
        stream.truncate(LARGEST_FILE + 1)
    for path, expected in (
        (tmp_path / "absent.ota", "found nothing, wanted a file"),
        (tmp_path, "found a directory, wanted a regular file"),
        (empty / "below", "found nothing, wanted a file"),
        (empty, "found 0 octets, wanted 1 to 67108864"),
        (Path("/dev/zero"), "wanted a regular file"),
        (huge, "found 67108865 octets, wanted at most 67108864"),
    ):
        result = call("inspect", path)
        assert result.exit_code == 2
        assert str(path) in one_line(result)
        assert expected in result.stderr


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse by the size that the directory tells."""
    huge = tmp_path / "huge.ota"
    with huge.open("wb") as stream:
        stream.truncate(LARGEST_FILE + 1)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("opened")

    monkeypatch.setattr(Path, "open", never)
    assert call("inspect", huge).exit_code == 2


def test_what_the_machine_refuses_is_no_traceback(
    good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit with 3 where reading fails for no fault of the file."""

    def broken(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", broken)
    result = call("inspect", good)
    assert result.exit_code == 3
    assert "cannot be read" in one_line(result)


# build


def test_a_built_file_says_what_was_asked(tmp_path: Path) -> None:
    """Build from every option, and read the same values back."""
    out, payload = tmp_path / "new.ota", tmp_path / "code.bin"
    payload.write_bytes(b"code" * 30)
    result = call(
        *("build", out, "--payload", payload, *PLAIN, "--hardware", "0x0100", "0x01ff"),
        *("--destination", "00:11:22:33:44:55:66:77", "--credential-version", "2"),
        *("--stack-version", "3", "--string", "a test", "--security-counter", "9"),
        *("--link-protocol", "1", "4", "--traits", "mute", "--traits", "crashes"),
    )
    assert (result.exit_code, result.stderr) == (0, "")
    data = out.read_bytes()
    assert result.stdout == f"{out}: {len(data)} octets\n"
    assert data == build(
        payload=b"code" * 30,
        manufacturer=0xFFF1,
        image_type=3,
        version=0x01020304,
        hardware=(0x0100, 0x01FF),
        destination=0x0011223344556677,
        credential_version=2,
        stack_version=3,
        header_string="a test",
        security_counter=9,
        link_protocol=(1, 4),
        traits=Trait.MUTE | Trait.CRASHES,
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["code.bin", "new.ota"]
    assert call("inspect", out).exit_code == 0


def test_a_seed_draws_the_payload(tmp_path: Path) -> None:
    """Draw the same octets from the same seed, and others from another."""
    files = [tmp_path / name for name in ("a", "b", "c")]
    for path, seed in zip(files, ("1", "1", "2"), strict=True):
        assert call("build", path, "--size", "500", "--seed", seed, *PLAIN).exit_code == 0
    first, again, other = (path.read_bytes() for path in files)
    assert first == again != other
    assert len(read_manifest(read(first)[0].image or b"")[1]) == 500


def test_parts_are_left_out_and_containers_chosen(tmp_path: Path) -> None:
    """Build without manifest and code, and a raw container."""
    bare, raw = tmp_path / "bare.ota", tmp_path / "raw.ota"
    call("build", bare, "--size", "50", *PLAIN, "--no-manifest", "--no-integrity")
    assert [(e.tag, len(e.data)) for e in read(bare.read_bytes())[0].elements] == [(0, 50)]
    arguments = ("--size", "50", *PLAIN, "--container", "gbcs", "--no-manifest")
    assert call("build", raw, *arguments, "--hardware", "1", "2").exit_code == 0
    assert len(read(raw.read_bytes(), Container.GBCS)[0].body) == 50
    result = call("build", tmp_path / "none.ota", *arguments)
    assert result.exit_code == 2
    assert "hardware range" in one_line(result)


def test_a_file_is_replaced_only_by_force(good: Path) -> None:
    """Refuse to overwrite, touch nothing, and give in to --force."""
    result = call("build", good, "--size", "5", *PLAIN)
    assert result.exit_code == 2
    assert "found a file, wanted none (--force replaces it)" in one_line(result)
    assert good.read_bytes() == GOOD
    assert call("build", good, "--size", "5", *PLAIN, "--force").exit_code == 0
    assert read(good.read_bytes())[0].header.file_version == 0x01020304


def test_a_file_is_written_whole_or_not_at_all(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the old file and no part of the new one where the disk gives up."""

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    result = call("build", good, "--size", "5", *PLAIN, "--force")
    assert result.exit_code == 3
    assert "No space left on device" in one_line(result)
    assert good.read_bytes() == GOOD
    assert [path.name for path in good.parent.iterdir()] == ["good.ota"]


def test_ctrl_c_leaves_no_part_of_a_file(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clean up where writing is stopped, and stop."""

    def stop(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stop)
    result = CliRunner().invoke(image, ["build", str(good), "--size", "5", *PLAIN, "--force"])
    assert isinstance(result.exception, click.exceptions.Abort | SystemExit)
    assert good.read_bytes() == GOOD
    assert [path.name for path in good.parent.iterdir()] == ["good.ota"]


def test_a_link_stays_a_link(good: Path) -> None:
    """Replace the file that a link points to."""
    link = good.with_name("link.ota")
    link.symlink_to(good)
    assert call("build", link, "--size", "5", *PLAIN, "--force").exit_code == 0
    assert link.is_symlink()
    assert good.read_bytes() == link.read_bytes() != GOOD


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((*PLAIN,), "either --payload FILE or --size N"),
        (("--size", "5", "--payload", "x", *PLAIN), "either --payload FILE or --size N"),
        (("--payload", "absent.bin", *PLAIN), "absent.bin: found nothing"),
        (("--size", "0x5000000", *PLAIN), "--size: found 83886080 octets"),
        (("--size", "5", *PLAIN, "--string", "x" * 33), "33 octets, at most 32"),
    ],
)
def test_wrong_use_is_one_line(tmp_path: Path, arguments: tuple[str, ...], expected: str) -> None:
    """Exit with 2 and write nothing."""
    result = call("build", tmp_path / "new.ota", *arguments)
    assert result.exit_code == 2
    assert expected in one_line(result)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("option", "text", "wanted"),
    [
        ("--manufacturer", "0x10000", "0 to 0xffff"),
        ("--type", "-1", "0 to 0xffff"),
        ("--version", "1.2", "a number, decimal or 0x..."),
        ("--destination", "00:11:xx", "a number, decimal or 0x..."),
        ("--traits", "blind", "'mute', 'deaf', 'crashes'"),
    ],
)
def test_a_wrong_number_names_its_option(
    tmp_path: Path, option: str, text: str, wanted: str
) -> None:
    """Say option, found and wanted; exit 2."""
    result = call("build", tmp_path / "new.ota", "--size", "5", *PLAIN, option, text)
    assert result.exit_code == 2
    for part in (option, text, wanted):
        assert part in result.stderr


def test_there_must_be_a_place_for_the_file(tmp_path: Path) -> None:
    """Refuse a directory, a missing one, and a device, even by force."""
    for out in (tmp_path, tmp_path / "absent" / "new.ota", Path("/dev/null")):
        result = call("build", out, "--size", "5", *PLAIN, "--force")
        assert result.exit_code == 2
        assert str(out) in one_line(result)


def test_findings_of_what_was_built_are_complaints(tmp_path: Path) -> None:
    """Build what was asked, and say on stderr that no device will take it."""
    out = tmp_path / "new.ota"
    result = call("build", out, "--size", "5", *PLAIN, "--hardware", "2", "1")
    assert result.exit_code == 0
    assert "hardware-range: found 0x0002 to 0x0001" in result.stderr
    assert out.exists()


def test_help_needs_no_heavy_module() -> None:
    """Import neither cryptography nor the emulator for ``--help``."""
    code = (
        "import sys; import harness.cli.image;"
        " print([m for m in sys.modules if m.split('.')[0] in ('cryptography', 'emulator')])"
    )
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_json_is_everywhere() -> None:
    """Offer it in every subcommand."""
    makers = (("keys", "ca"), ("keys", "signer"), ("keys", "gb"), ("keys", "show"))
    for words in (*((name,) for name in COMMANDS if name != "keys"), *makers):
        assert "--json" in call(*words, "--help").stdout, words


def test_what_is_built_is_told_as_json(tmp_path: Path) -> None:
    """Say what was written and what the reader finds wrong with it."""
    out = tmp_path / "odd.ota"
    arguments = ("build", out, "--null", *PLAIN, "--no-integrity", "--json")
    told = json.loads(call(*arguments).stdout)
    assert (told["file"], told["size"]) == (str(out), out.stat().st_size)
    assert [one["code"] for one in told["findings"]] == ["empty"]
