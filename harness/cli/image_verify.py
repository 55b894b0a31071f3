"""Judge a firmware file as a bridge would: ``hanover image verify``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.image_files import U16, U32, U64, WrongUse, read_file
from harness.cli.image_keys import TIME, read_key_file

if TYPE_CHECKING:
    from emulator.image.judgement import Expectation, Verdict
    from emulator.image.keys import Key
    from emulator.profiles.model import Profile, VerifyStep


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--profile", "name", help="Name or TOML file of the bridge; default: the first.")
@click.option(
    "--trust",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Key file to believe instead of the profile's; adds the steps that ask for it.",
)
@click.option("--at", type=TIME, help="Time to hold certificates against; default: dates pass.")
@click.option("--hardware", "hardware_version", type=U16, help="The device's hardware version.")
@click.option("--eui64", type=U64, help="The device's EUI64.")
@click.option("--running-version", type=U32, help="File version that the device runs.")
@click.option("--security-counter", type=U32, help="Counter of the image that the device runs.")
@click.option("--offered-manufacturer", type=U16, help="As offered; default: as in the header.")
@click.option("--offered-type", "offered_image_type", type=U16, help="The same.")
@click.option("--offered-version", type=U32, help="The same.")
@click.option("--offered-size", type=U32, help="The same; default: the size of FILE.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(
    file: Path,
    name: str | None,
    trust: tuple[Path, ...],
    as_json: bool,
    **told: int | None,
) -> None:
    """Judge FILE as a bridge would, step by step, and say why it is refused.

    Exits with 0 if every step passes, 1 if one refuses, 2 if there is nothing to judge or the
    profile or a key cannot be used.
    """
    from emulator.image.verify import verify as judge

    octets = read_file(file)
    profile = _profile(name, [read_key_file(one) for one in trust])
    if told["running_version"] is None and "downgrade" in profile.image.verify:
        raise WrongUse("--running-version: found nothing, wanted what the step downgrade compares")
    expectation = _expectation(octets, profile, told)
    verdict = judge(octets, expectation, profile.image.verify)
    document = _document(click.format_filename(file), len(octets), profile, verdict)
    if as_json:
        click.echo(json.dumps(document, indent=2))
    else:
        _print(document)
    raise SystemExit(0 if verdict.accepted else 1)


def _profile(name: str | None, keys: "list[Key]") -> "Profile":
    """Return the bridge that judges: the one asked for, believing the keys if there are any."""
    from emulator.errors import CryptoError, ProfileError
    from emulator.image.keys import trust_of
    from emulator.profiles.load import names, overlay
    from emulator.wire.ota_file import Container
    from harness.cli.profiles import find_profile

    try:
        profile = find_profile(name or names()[0])
        if not keys:
            return profile
        trust = trust_of(keys)
        suites = trust.ca_suite1 or trust.ca_suite2
        if suites and not trust.signers:
            raise WrongUse("--trust: found a CA alone, which vouches for nobody, wanted a signer")
        container = profile.image.container
        if suites and trust.gb_key:
            raise WrongUse("--trust: found keys of a suite and of GB, wanted one kind")
        if bool(trust.gb_key) != (container is Container.GBCS):
            found = "a GB signer's key" if trust.gb_key else "the key of a suite"
            raise WrongUse(f'--trust: found {found}, wanted one for a "{container}" container')
        held = {"signers": trust.signers, "issuer": trust.issuer, "gb_key": trust.gb_key}
        held |= {"ca_suite1": trust.ca_suite1, "ca_suite2": trust.ca_suite2}
        table = {key: value for key, value in held.items() if value}
        steps = _with_proofs(profile.image.verify, table)
        return overlay(profile, {"trust": None, **_dotted(table), "image.verify": steps})
    except (CryptoError, ProfileError) as error:
        raise WrongUse(str(error)) from error


def _dotted(table: dict[str, Any]) -> dict[str, object]:
    return {f"trust.{key}": value for key, value in table.items()}


def _with_proofs(
    steps: "tuple[VerifyStep, ...]", trusted: dict[str, Any]
) -> "tuple[VerifyStep, ...]":
    """Return the steps, and those that ask for what is trusted, before the manifest's."""
    from emulator.profiles.model import MANIFEST_STEPS, TRUST_OF

    more = tuple(
        step for step, (key, _) in TRUST_OF.items() if key in trusted and step not in steps
    )
    place = next((at for at, step in enumerate(steps) if step in MANIFEST_STEPS), len(steps))
    return (*steps[:place], *more, *steps[place:])


def _expectation(octets: bytes, profile: "Profile", told: dict[str, int | None]) -> "Expectation":
    """Return what the bridge expects; what was not told is the file's own word."""
    from emulator.errors import WireError
    from emulator.image.judgement import Expectation
    from emulator.wire.ota_reader import read
    from harness.bench import DUT_EUI64

    own = profile.ota
    offer = {"manufacturer": own.manufacturer_code, "image_type": own.image_type, "version": 0}
    try:
        header = read(octets, profile.image.container)[0].header
    except WireError:
        pass  # the step header says so
    else:
        offer = {
            "manufacturer": header.manufacturer,
            "image_type": header.image_type,
            "version": header.file_version,
        }
    values: dict[str, Any] = {
        "eui64": DUT_EUI64,
        "hardware_version": own.hardware_version,
        "offered_size": len(octets),
        **{f"offered_{name}": value for name, value in offer.items()},
        **{name: value for name, value in told.items() if value is not None},
    }
    return Expectation(
        manufacturer=own.manufacturer_code,
        image_type=own.image_type,
        container=profile.image.container,
        manifest=profile.image.manifest,
        trust=profile.trust,
        suites=profile.image.suites,
        signed_integrity=profile.image.signed_integrity,
        **values,
    )


def _document(name: str, size: int, profile: "Profile", verdict: "Verdict") -> dict[str, Any]:
    from emulator.profiles.model import PROOFS

    refusal, steps = verdict.refusal, []
    passing = "passed"
    for step in profile.image.verify:
        row: dict[str, Any] = {"step": str(step), "verdict": passing}
        if refusal is not None and step == refusal.step:
            row |= {"verdict": "refused", "clause": refusal.clause}
            row |= {"found": refusal.found, "expected": refusal.expected}
            passing = "not run"
        steps.append(row)
    return {
        "file": name,
        "octets": size,
        "profile": profile.name,
        "asks_who_signed": any(step in PROOFS for step in profile.image.verify),
        "accepted": verdict.accepted,
        "status": 0 if refusal is None else int(refusal.status),
        "steps": steps,
    }


def _print(document: dict[str, Any]) -> None:
    name, size, profile = document["file"], document["octets"], document["profile"]
    click.echo(f"{name}: {size} octets, as {profile} judges it")
    for row in document["steps"]:
        click.echo(f"  {row['step']:<17} {row['verdict']}")
        if "found" in row:
            clause = row["clause"]
            click.echo(f"    found {row['found']}, expected {row['expected']} ({clause})")
    if not document["asks_who_signed"]:
        click.echo(f"  note: {profile} trusts nobody, so no step asks who made the file")
    ending = "accepted" if document["accepted"] else "refused: INVALID_IMAGE"
    click.echo(f"{ending} (0x{document['status']:02X})")
