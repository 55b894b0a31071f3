"""``hanover image sign`` makes what ``verify`` takes, and says in one line what it cannot sign."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from emulator.crypto.suites import Suite
from emulator.image.build import build
from emulator.image.keys import Key, write_key
from emulator.image.sign import sign
from emulator.wire.ota_file import Container
from harness.cli.image import image
from tests.image.signers import CAS, GB_SIGNER, MADE, SIGNED, SIGNERS, UNSIGNED

RAW = build(**(MADE | {"container": Container.GBCS}))


def call(*arguments: str | Path) -> Result:
    """Run the command; an exception that is no exit fails the test here."""
    result = CliRunner().invoke(image, ["sign", *(str(one) for one in arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def files(folder: Path, octets: bytes, key: Key) -> tuple[Path, Path, Path]:
    """Write a file and a key, and name what is to be made."""
    (folder / "in.ota").write_bytes(octets)
    (folder / "key").write_text(write_key(key), "utf-8")
    return folder / "in.ota", folder / "out.ota", folder / "key"


@pytest.mark.parametrize(
    ("octets", "key", "made"),
    [
        (UNSIGNED, SIGNERS[Suite.ONE], SIGNED[Suite.ONE]),
        (UNSIGNED, SIGNERS[Suite.TWO], SIGNED[Suite.TWO]),
        (RAW, GB_SIGNER, sign(RAW, GB_SIGNER)),
    ],
    ids=["suite 1", "suite 2", "gb"],
)
def test_a_file_is_signed(tmp_path: Path, octets: bytes, key: Key, made: bytes) -> None:
    file, out, path = files(tmp_path, octets, key)
    result = call(file, out, "--key", path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert out.read_bytes() == made
    assert result.stdout == (
        f"{out}: {len(made)} octets, signed by 0x{key.eui64:016X}, for tests only\n"  # type: ignore[union-attr]
    )
    assert file.read_bytes() == octets


def test_a_file_can_be_signed_in_its_place(tmp_path: Path) -> None:
    file, _, path = files(tmp_path, UNSIGNED, SIGNERS[Suite.ONE])
    assert call(file, file, "--key", path).exit_code == 2
    assert file.read_bytes() == UNSIGNED
    assert call(file, file, "--key", path, "--force").exit_code == 0
    assert file.read_bytes() == SIGNED[Suite.ONE]


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (SIGNED[Suite.TWO], "found tag 0x0006, wanted a file that is not signed"),
        (b"no OTA file", "wanted 1e f1 ee 0b first"),
        (build(**(MADE | {"integrity": True})), "found an integrity code (tag 0x0003), wanted"),
        (UNSIGNED[:-1], "found size-too-long at 52"),
    ],
    ids=["signed", "no OTA file", "integrity code", "cut"],
)
def test_what_cannot_be_signed_is_flawed(tmp_path: Path, octets: bytes, said: str) -> None:
    file, out, path = files(tmp_path, octets, SIGNERS[Suite.TWO])
    result = call(file, out, "--key", path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{file}: " in result.stderr
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert not out.exists()


def test_a_ca_signs_no_files(tmp_path: Path) -> None:
    file, out, path = files(tmp_path, UNSIGNED, CAS[Suite.ONE])
    result = call(file, out, "--key", path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{path}: found a CA's key, wanted a signer's" in result.stderr
    assert not out.exists()


def test_a_key_that_is_none_is_wrong_use(tmp_path: Path) -> None:
    file, out, _ = files(tmp_path, UNSIGNED, SIGNERS[Suite.ONE])
    result = call(file, out, "--key", file)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert not out.exists()


def test_what_is_signed_is_told_as_json(tmp_path: Path) -> None:
    file, out, path = files(tmp_path, UNSIGNED, SIGNERS[Suite.TWO])
    told = json.loads(call(file, out, "--key", path, "--json").stdout)
    assert told == {
        "file": str(file),
        "out": str(out),
        "size": len(SIGNED[Suite.TWO]),
        "signer": f"0x{SIGNERS[Suite.TWO].eui64:016X}",
    }
