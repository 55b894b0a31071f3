"""``hanover image verify`` shows each step's verdict, and never passes what nobody looked at."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from emulator.crypto.suites import Suite
from emulator.image.build import build
from emulator.image.keys import Key, new_signer, trust_of, write_key
from emulator.image.sign import sign
from emulator.profiles import load
from emulator.wire.ota_file import Container
from harness.cli.image import image
from harness.cli.profiles import as_toml
from tests.image.signers import (
    CAS,
    GB_SIGNER,
    IMPOSTORS,
    SIGNER_EUI64,
    SIGNERS,
    UNSIGNED,
)

OWN = load.load("B1").ota
MADE: dict[str, Any] = {
    "payload": bytes(range(200)),
    "manufacturer": OWN.manufacturer_code,
    "image_type": OWN.image_type,
    "version": 5,
    "hardware": (OWN.hardware_version, OWN.hardware_version),
    "integrity": False,
}
PLAIN = build(**MADE)
STEPS = ["header", "hardware", "destination", "size", "structure", "integrity"]
OURS = ["manifest", "security_counter"]
OF_SUITE_2 = ["signer", "certificate", "signature_suite2"]


class Command:
    """Run the command in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, octets: bytes, *options: str | Path) -> Result:
        file = self.folder / "file.ota"
        file.write_bytes(octets)
        result = CliRunner().invoke(image, ["verify", str(file), *(str(one) for one in options)])
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    def json(self, octets: bytes, *options: str | Path) -> dict[str, Any]:
        """Return the document, and see that the exit code agrees with it."""
        result = self(octets, *options, "--json")
        assert result.stderr == ""
        document: dict[str, Any] = json.loads(result.stdout)
        assert result.exit_code == (0 if document["accepted"] else 1)
        return document

    def refused_by(self, octets: bytes, *options: str | Path) -> str | None:
        """Return the step that refuses a file."""
        rows = self.json(octets, *options)["steps"]
        found = [row["step"] for row in rows if row["verdict"] == "refused"]
        return found[0] if found else None

    def trust(self, key: Key, name: str = "key") -> tuple[str, str]:
        """Write a key file and return the option that trusts it."""
        path = self.folder / name
        path.write_text(write_key(key), "utf-8")
        return "--trust", str(path)

    def profile(self, **changes: object) -> tuple[str, str]:
        """Write a profile and return the option that names it."""
        path = self.folder / "mine.toml"
        values = {key.replace("__", "."): one for key, one in changes.items()}
        path.write_text(as_toml(load.overlay(load.load("B1"), values)), "utf-8")
        return "--profile", str(path)


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


# The view.


def test_each_step_is_shown(command: Command) -> None:
    result = command(PLAIN)
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0].endswith(f"{len(PLAIN)} octets, as B1 judges it")
    assert [line.split() for line in lines[1:-2]] == [[one, "passed"] for one in STEPS + OURS]
    assert lines[-2] == "  note: B1 trusts nobody, so no step asks who made the file"
    assert lines[-1] == "accepted (0x00)"


def test_a_refusal_says_why_and_what_was_not_run(command: Command) -> None:
    bad = PLAIN[:-1] + bytes([PLAIN[-1] ^ 1])
    lines = command(bad).stdout.splitlines()
    assert "  structure         passed" in lines
    at = lines.index("  manifest          refused")
    assert lines[at + 1].startswith("    found payload digest ")
    assert lines[at + 2] == "  security_counter  not run"
    assert lines[-1] == "refused: INVALID_IMAGE (0x96)"
    row = command.json(bad)["steps"][STEPS.index("integrity") + 1]
    assert row.keys() == {"step", "verdict", "clause", "found", "expected"}


def test_a_signed_file_that_nobody_asks_about_is_said_to_be_such(command: Command) -> None:
    """Pass it as the shipped bridges do, and say that it proves nothing."""
    data = sign(PLAIN, SIGNERS[Suite.TWO])
    assert command.json(data)["asks_who_signed"] is False
    assert "trusts nobody" in command(data).stdout


# Trust.


@pytest.mark.parametrize("suite", list(Suite), ids=["suite 1", "suite 2"])
def test_a_trusted_signer_adds_the_steps_that_ask_for_it(command: Command, suite: Suite) -> None:
    trust = command.trust(SIGNERS[suite])
    document = command.json(sign(PLAIN, SIGNERS[suite]), *trust)
    of_suite = ["signer", "certificate", f"signature_suite{suite:d}"]
    assert [row["step"] for row in document["steps"]] == STEPS + of_suite + OURS
    assert (document["accepted"], document["asks_who_signed"]) == (True, True)
    assert command.refused_by(PLAIN, *trust) == "signer"
    assert command.refused_by(sign(PLAIN, SIGNERS[Suite(3 - suite)]), *trust) == "signer"


def test_both_suites_may_be_trusted(command: Command) -> None:
    trust = [*command.trust(SIGNERS[Suite.ONE], "1"), *command.trust(SIGNERS[Suite.TWO], "2")]
    for suite in Suite:
        assert command.refused_by(sign(PLAIN, SIGNERS[suite]), *trust) is None


def test_a_foreign_ca_of_the_same_name_is_refused(command: Command) -> None:
    impostor = new_signer(IMPOSTORS[Suite.TWO], SIGNER_EUI64, random.Random(3))
    data = sign(PLAIN, impostor)
    assert command.refused_by(data, *command.trust(SIGNERS[Suite.TWO])) == "signature_suite2"
    assert command.refused_by(data, *command.trust(impostor)) is None


def test_a_profiles_own_trust_is_used_and_replaced(command: Command) -> None:
    trust = trust_of([SIGNERS[Suite.TWO]])
    profile = command.profile(
        image__verify=STEPS + OF_SUITE_2 + OURS,
        trust__signers=trust.signers,
        trust__issuer=trust.issuer,
        trust__ca_suite2=trust.ca_suite2,
    )
    data = sign(PLAIN, SIGNERS[Suite.TWO])
    assert command.refused_by(data, *profile) is None
    assert command.refused_by(PLAIN, *profile) == "signer"
    other = new_signer(CAS[Suite.TWO], 0x0102, random.Random(1))
    assert command.refused_by(data, *profile, *command.trust(other)) == "signer"


def test_raw_files_of_the_supplier(command: Command) -> None:
    profile = command.profile(
        image__container=Container.GBCS,
        image__verify=["header", "size", "structure", "trailer", *OURS],
    )
    trust = command.trust(GB_SIGNER)
    raw = build(**(MADE | {"container": Container.GBCS}))
    data = sign(raw, GB_SIGNER)
    assert command.refused_by(data, *profile, *trust) is None
    edited = data[:14] + b"\x09" + data[15:]
    assert command.refused_by(edited, *profile, *trust) == "manifest"
    assert command.refused_by(data[:70] + b"\0" + data[71:], *profile, *trust) == "gb_signature"
    assert command.refused_by(raw, *profile, *trust) == "trailer"


def test_dates_count_at_a_time_only(command: Command) -> None:
    signer = new_signer(CAS[Suite.TWO], 5, random.Random(1), valid_from=1000, valid_to=2000)
    data, trust = sign(PLAIN, signer), command.trust(signer)
    assert command.refused_by(data, *trust) is None
    assert command.refused_by(data, *trust, "--at", "1500") is None
    assert command.refused_by(data, *trust, "--at", "2026-01-01") == "certificate"


# What the device is, and what it was offered.


@pytest.mark.parametrize(
    ("options", "step"),
    [
        (["--hardware", "0x0103"], "hardware"),
        (["--offered-version", "6"], "header"),
        (["--offered-type", "7"], "header"),
        (["--offered-manufacturer", "0x1234"], "header"),
        (["--offered-size", "100"], "size"),
        (["--security-counter", "2"], "security_counter"),
        (["--security-counter", "1"], None),
        (["--hardware", "0x0102"], None),
    ],
)
def test_the_device_and_its_offer_can_be_told(
    command: Command, options: list[str], step: str | None
) -> None:
    assert command.refused_by(PLAIN, *options) == step


def test_a_file_for_one_device_wants_to_know_which(command: Command) -> None:
    data = build(**(MADE | {"destination": 0x0011223344556677}))
    assert command.refused_by(data) == "destination"
    assert command.refused_by(data, "--eui64", "00:11:22:33:44:55:66:77") is None


def test_a_downgrade_wants_to_know_what_runs(command: Command) -> None:
    profile = command.profile(image__verify=[*STEPS, "downgrade"])
    result = command(PLAIN, *profile)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--running-version: found nothing" in result.stderr
    assert command.refused_by(PLAIN, *profile, "--running-version", "6") == "downgrade"
    assert command.refused_by(PLAIN, *profile, "--running-version", "5") is None


def test_other_types_are_refused_by_the_header(command: Command) -> None:
    assert command.refused_by(UNSIGNED) == "header"
    assert command.refused_by(b"no OTA file at all") == "header"


# Wrong use, in one line.


def test_what_cannot_be_judged_with_is_wrong_use(command: Command) -> None:
    data = sign(PLAIN, SIGNERS[Suite.TWO])
    (command.folder / "bad.toml").write_text("name = 5", "utf-8")
    gbcs = command.profile(image__container=Container.GBCS, image__verify=["header", "manifest"])
    other = new_signer(CAS[Suite.TWO], 7, random.Random(2))
    foreign = new_signer(IMPOSTORS[Suite.TWO], 7, random.Random(2))
    for options, said in (
        (["--profile", "B9"], "B9: no such profile"),
        (["--profile", command.folder / "bad.toml"], "bad.toml: name: found 5"),
        (["--trust", command.folder / "nowhere"], "found nothing, wanted a file"),
        (["--trust", command.folder / "file.ota"], "file.ota: found no "),
        ([*command.trust(CAS[Suite.TWO], "ca")], "--trust: found a CA alone"),
        ([*command.trust(GB_SIGNER, "gb")], 'found a GB signer\'s key, wanted one for a "zcl"'),
        ([*gbcs, *command.trust(other, "o")], 'found the key of a suite, wanted one for a "gbcs"'),
        ([*command.trust(other, "o"), *command.trust(GB_SIGNER, "gb")], "wanted one kind"),
        (
            [*command.trust(other, "o"), *command.trust(foreign, "f")],
            "trust.ca_suite2: found 0",
        ),
        (["--at", "soon"], "found 'soon', wanted seconds since 1970"),
    ):
        result = command(data, *options)
        assert (result.exit_code, result.stdout) == (2, ""), options
        assert said in result.stderr
