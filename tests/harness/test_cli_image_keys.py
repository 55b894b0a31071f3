"""``hanover image keys`` makes keys for tests, says so loudly, and shows only what is public."""

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from emulator.crypto.ecqv import read_certificate
from emulator.crypto.suites import Suite
from emulator.image.keys import Authority, GbSigner, Signer, read_key, write_key
from emulator.profiles import load
from harness.cli.image import image
from harness.cli.image_keys import TIME
from tests.image.signers import CAS, GB_SIGNER, SIGNER_EUI64, SIGNERS

CA_EUI64 = "0x5445535453454341"
LOUD = "FOR TESTS ONLY"


class Command:
    """Run the command in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str | Path) -> Result:
        words = ["keys", *(str(one) for one in arguments)]
        result = CliRunner().invoke(image, words)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    def made(self, *arguments: str | Path) -> str:
        """Make a key and return its file's text."""
        out = self.folder / "key"
        result = self(*arguments, "--out", out, "--force")
        assert result.exit_code == 0, result.stderr
        assert result.stderr.count(LOUD) == 1
        assert result.stderr.count("\n") == 1
        assert result.stdout.startswith(f"{out}: ")
        return out.read_text("utf-8")


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


def saved(folder: Path, name: str, key: Authority | Signer | GbSigner) -> Path:
    path = folder / name
    path.write_text(write_key(key), "utf-8")
    return path


@pytest.mark.parametrize("suite", ["1", "2"])
def test_a_ca_and_its_signer_are_made(command: Command, suite: str) -> None:
    text = command.made("ca", "--suite", suite, "--eui64", CA_EUI64, "--seed", "1")
    authority = read_key(text)
    assert isinstance(authority, Authority)
    assert (authority.suite, authority.issuer) == (int(suite), int(CA_EUI64, 0))
    assert LOUD in text
    path = saved(command.folder, "ca", authority)
    signer = read_key(command.made("signer", "--ca", path, "--eui64", "00:12:4b:00:01:02:03:04"))
    assert isinstance(signer, Signer)
    assert (signer.suite, signer.eui64) == (int(suite), SIGNER_EUI64)
    assert signer.ca_public == authority.public
    assert read_certificate(signer.certificate, signer.suite).issuer == authority.issuer


def test_a_gb_signer_is_made(command: Command) -> None:
    signer = read_key(command.made("gb", "--eui64", "0x90B3D51F30010000", "--seed", "7"))
    assert isinstance(signer, GbSigner)
    assert signer.eui64 == 0x90B3D51F30010000


def test_a_seed_decides_a_key_and_no_seed_draws_one(command: Command) -> None:
    ca = saved(command.folder, "ca", CAS[Suite.TWO])
    for words in (
        ("ca", "--suite", "1", "--eui64", "1"),
        ("signer", "--ca", str(ca), "--eui64", "1"),
        ("gb", "--eui64", "1"),
    ):
        first, again, other = (command.made(*words, "--seed", seed) for seed in ("1", "1", "2"))
        assert first == again != other
        assert command.made(*words) != command.made(*words)


def test_a_certificate_has_the_dates_asked_for(command: Command) -> None:
    ca = saved(command.folder, "ca", CAS[Suite.TWO])
    dates = ("--valid-from", "2026-01-01", "--valid-to", "2030-01-01T00:00:00+01:00")
    signer = read_key(command.made("signer", "--ca", ca, "--eui64", "5", *dates))
    assert isinstance(signer, Signer)
    certificate = read_certificate(signer.certificate, Suite.TWO)
    assert (certificate.valid_from, certificate.valid_to) == (1767225600, 1893452400)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("1767225600", 1767225600), ("2026-01-01T00:00:00Z", 1767225600)],
)
def test_times_are_seconds_or_iso_8601(text: str, seconds: int) -> None:
    assert TIME.convert(text, None, None) == seconds


# show


def test_what_is_shown_is_public_and_makes_a_profile(command: Command) -> None:
    for key in (SIGNERS[Suite.ONE], SIGNERS[Suite.TWO], CAS[Suite.ONE], GB_SIGNER):
        path = saved(command.folder, "shown", key)
        for words in ((), ("--json",)):
            result = command("show", path, *words)
            assert (result.exit_code, result.stderr) == (0, "")
            assert f"{key.private:X}" not in result.stdout.upper()
            assert "private" not in result.stdout
        lines = command("show", path).stdout
        trust = tomllib.loads(lines[lines.index("[trust]") :])
        assert load.overlay(load.load("B1"), trust).trust is not None
        shown = json.loads(command("show", path, "--json").stdout)
        assert set(shown["trust"]) == set(trust["trust"])
        assert shown["kind"] == json.loads(write_key(key))["kind"]


# Wrong use, in one line.


def _line(result: Result) -> str:
    assert result.exit_code == 2
    assert result.stdout == ""
    return " ".join(result.stderr.split())


def test_what_is_no_key_file_is_refused_in_one_line(command: Command) -> None:
    folder = command.folder
    (folder / "text").write_text("a = 1", "utf-8")
    (folder / "octets").write_bytes(b"\xff\xfe")
    (folder / "empty").write_bytes(b"")
    cut = write_key(SIGNERS[Suite.ONE]).replace(f"{SIGNERS[Suite.ONE].private:042X}", "00")
    (folder / "cut").write_text(cut, "utf-8")
    for name, said in (
        ("nowhere", "found nothing, wanted a file"),
        ("text", "found no JSON"),
        ("octets", "found no text at octet 0, wanted a key file"),
        ("empty", "found 0 octets, wanted 1 to"),
        ("cut", "private: found 1 octets, wanted 21"),
        (".", "found a directory, wanted a regular file"),
    ):
        result = command("show", folder / name)
        assert said in _line(result)
        assert result.stderr.count("\n") == 1


def test_a_signer_wants_a_ca_of_its_suite(command: Command) -> None:
    folder = command.folder
    ca, gb = saved(folder, "ca", CAS[Suite.ONE]), saved(folder, "gb", GB_SIGNER)
    words = ("signer", "--out", folder / "out", "--eui64", "1")
    assert "found a CA of suite 1, wanted one of suite 2" in _line(
        command(*words, "--ca", ca, "--suite", "2")
    )
    assert "wanted a CA's" in _line(command(*words, "--ca", gb))
    late = ("--valid-to", "2200-01-01")
    two = saved(folder, "ca2", CAS[Suite.TWO])
    assert "valid_to: found " in _line(command(*words, "--ca", two, *late))
    assert not (folder / "out").exists()


def test_a_key_file_is_not_replaced_by_accident(command: Command) -> None:
    path = saved(command.folder, "ca", CAS[Suite.ONE])
    before = path.read_bytes()
    words = ("ca", "--out", path, "--suite", "1", "--eui64", "1")
    assert "found a file, wanted none (--force replaces it)" in _line(command(*words))
    assert path.read_bytes() == before
    assert command(*words, "--force").exit_code == 0
    assert path.read_bytes() != before


@pytest.mark.parametrize("time", ["tomorrow", "-5", "2026-13-01", "9" * 30, "\u0661"])
def test_no_time_is_refused(command: Command, time: str) -> None:
    ca = saved(command.folder, "ca", CAS[Suite.TWO])
    words = ("signer", "--out", command.folder / "out", "--ca", ca, "--eui64", "1")
    assert "wanted seconds since 1970" in _line(command(*words, f"--valid-from={time}"))


@pytest.mark.parametrize("eui64", ["0", "0xFFFFFFFFFFFFFFFF"])
def test_a_name_that_no_device_can_trust_is_refused(command: Command, eui64: str) -> None:
    """Make no key that ``keys show`` and every profile would refuse."""
    ca, out = saved(command.folder, "ca", CAS[Suite.TWO]), command.folder / "out"
    for words in (("ca", "--suite", "1"), ("signer", "--ca", ca), ("gb",)):
        line = _line(command(*words, "--out", out, "--eui64", eui64))
        assert f"found {eui64}, wanted 0x1 to 0xfffffffffffffffe" in line
        assert not out.exists()


@pytest.mark.parametrize("option", ["--valid-from", "--valid-to"])
def test_a_date_that_no_certificate_would_hold_is_refused(command: Command, option: str) -> None:
    """Certificates of suite 1 have no dates: who asks for one believes in it."""
    ca, out = saved(command.folder, "ca", CAS[Suite.ONE]), command.folder / "out"
    words = ("signer", "--ca", ca, "--eui64", "1", "--out", out, option, "2030-01-01")
    assert f"{option}: found a date, wanted none" in _line(command(*words))
    assert not out.exists()


def test_a_key_is_told_as_json(command: Command) -> None:
    """Print what is public of a new key, and nothing that is not."""
    out = command.folder / "out"
    result = command("gb", "--out", out, "--eui64", "5", "--json")
    key = read_key(out.read_text("utf-8"))
    assert isinstance(key, GbSigner)
    told = json.loads(result.stdout)
    assert (told["file"], told["public"]) == (str(out), key.public.hex().upper())
    assert "private" not in told
    assert LOUD in result.stderr


def test_a_key_file_of_windows_is_read(command: Command) -> None:
    """Take line ends and the mark that some editors put first."""
    path = command.folder / "key"
    text = "\ufeff" + write_key(GB_SIGNER).replace("\n", "\r\n")
    path.write_bytes(text.encode())
    assert command("show", path).exit_code == 0
