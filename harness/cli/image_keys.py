"""Make test keys and look at them: ``hanover image keys``."""

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.image_files import EUI64, U64, WrongUse, read_file, refuse_existing, write_file

if TYPE_CHECKING:
    from emulator.image.keys import Key
    from emulator.profiles.trust import TrustProfile
    from emulator.units import Rng


class Time(click.ParamType[int]):
    """Take seconds since 1970 UTC, or a time of ISO 8601, UTC unless it says otherwise."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the seconds, or fail with what was found and what was wanted."""
        text = str(value)
        if text.isascii() and text.isdecimal() and len(text) <= 20:
            return int(text)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            wanted = "seconds since 1970, or a time like 2026-01-31T12:00:00"
            self.fail(f"found {text!r}, wanted {wanted}", param, ctx)
        at = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return int(at.timestamp())


TIME = Time()

_out = click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Key file to write."
)
_seed = click.option("--seed", type=U64, help="Draw the key from a seed; default: a new one.")
_force = click.option("--force", is_flag=True, help="Replace OUT if it is there.")
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
_suite = click.option("--suite", type=click.Choice(("1", "2")), help="Cryptographic suite.")


@click.group()
def keys() -> None:
    """Make keys to sign test files with, and look at them.

    For tests only: a private key stands in its file in the clear.
    """


@keys.command()
@_out
@click.option("--suite", type=click.Choice(("1", "2")), required=True, help="Cryptographic suite.")
@click.option("--eui64", type=EUI64, required=True, help="Name of the CA, in each certificate.")
@_seed
@_force
@_json
def ca(out: Path, suite: str, eui64: int, seed: int | None, force: bool, as_json: bool) -> None:
    """Make a test CA, which issues the certificates of signers."""
    from emulator.crypto.suites import Suite
    from emulator.image.keys import new_authority

    refuse_existing(out, force=force)
    _write(out, new_authority(Suite(int(suite)), eui64, _chance(seed)), as_json=as_json)


@keys.command()
@_out
@click.option(
    "--ca", "authority", type=click.Path(path_type=Path), required=True, help="Key file of the CA."
)
@click.option("--eui64", type=EUI64, required=True, help="Who signs: subject of the certificate.")
@_suite
@click.option("--valid-from", type=TIME, help="Suite 2: first second; default: 1970.")
@click.option("--valid-to", type=TIME, help="Suite 2: last second; default: for ever.")
@_seed
@_force
@_json
def signer(
    out: Path,
    authority: Path,
    eui64: int,
    suite: str | None,
    valid_from: int | None,
    valid_to: int | None,
    seed: int | None,
    force: bool,
    as_json: bool,
) -> None:
    """Make who signs files of a suite, with a certificate of a test CA."""
    from emulator.errors import CertificateError
    from emulator.image.keys import Authority, new_signer

    refuse_existing(out, force=force)
    key = read_key_file(authority)
    name = click.format_filename(authority)
    if not isinstance(key, Authority):
        raise WrongUse(f"{name}: found a {_kind(key)}'s key, wanted a CA's")
    if suite is not None and int(suite) != key.suite:
        raise WrongUse(f"{name}: found a CA of suite {key.suite:d}, wanted one of suite {suite}")
    for option, date in (("--valid-from", valid_from), ("--valid-to", valid_to)):
        if date is not None and key.suite == 1:
            raise WrongUse(
                f"{option}: found a date, wanted none: certificates of suite 1 have none"
            )
    try:
        made = new_signer(key, eui64, _chance(seed), valid_from=valid_from or 0, valid_to=valid_to)
    except CertificateError as error:
        raise WrongUse(str(error)) from error
    _write(out, made, as_json=as_json)


@keys.command()
@_out
@click.option("--eui64", type=EUI64, required=True, help="EUI64 of the supplier.")
@_seed
@_force
@_json
def gb(out: Path, eui64: int, seed: int | None, force: bool, as_json: bool) -> None:
    """Make who signs the manufacturer images of GB's raw containers (P-256)."""
    from emulator.image.keys import new_gb_signer

    refuse_existing(out, force=force)
    _write(out, new_gb_signer(eui64, _chance(seed)), as_json=as_json)


@keys.command()
@click.argument("file", type=click.Path(path_type=Path))
@_json
def show(file: Path, as_json: bool) -> None:
    """Show the public part of a key FILE, and the lines of a profile that trusts it."""
    from emulator.image.keys import trust_of

    key, file_name = read_key_file(file), click.format_filename(file)
    about, trust = _public(key), _trust(trust_of([key]))
    if as_json:
        click.echo(json.dumps({"file": file_name, **about, "trust": trust}, indent=2))
        return
    click.echo(f"{file_name}: for tests only")
    for name, value in about.items():
        click.echo(f"  {name:<12} {value}")
    click.echo("\n[trust]")
    for name, shown in trust.items():
        click.echo(f"{name} = {_toml(shown)}")


def read_key_file(path: Path) -> "Key":
    """Return the key in a file.

    Raises:
        WrongUse: There is no such file, or it is no key file; says in one line why not.
        Environment: The machine does not let us read it.
    """
    from emulator.errors import KeyFileError
    from emulator.image.keys import read_key

    octets, name = read_file(path), click.format_filename(path)
    try:
        return read_key(octets.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise WrongUse(f"{name}: found no text at octet {error.start}, wanted a key file") from None
    except KeyFileError as error:
        raise WrongUse(f"{name}: {error}") from error


def _chance(seed: int | None) -> "Rng":
    return random.SystemRandom() if seed is None else random.Random(seed)


def _write(out: Path, key: "Key", *, as_json: bool) -> None:
    from emulator.image.keys import WARNING, write_key

    name = click.format_filename(out)
    write_file(out, write_key(key).encode())
    click.echo(f"{name}: {WARNING}", err=True)
    if as_json:
        click.echo(json.dumps({"file": name, **_public(key)}, indent=2))
    else:
        click.echo(f"{name}: {_kind(key)}")


def _kind(key: "Key") -> str:
    from emulator.image.keys import plain

    facts = plain(key)
    who = facts.get("eui64", facts.get("issuer"))
    suite = f" of suite {facts['suite']}" if "suite" in facts else ""
    return f"{facts['kind']}{suite} 0x{who}"


def _public(key: "Key") -> dict[str, str | int]:
    """Return what everybody may know of a key."""
    from emulator.image.keys import plain

    about = {**plain(key), **_certificate(key)}
    del about["private"]
    return about


def _certificate(key: "Key") -> dict[str, str | int]:
    """Return what a signer's certificate says beside the signer."""
    from emulator.crypto.ecqv import read_certificate
    from emulator.image.keys import Signer

    if not isinstance(key, Signer):
        return {}
    facts = read_certificate(key.certificate, key.suite)
    said: dict[str, str | int] = {"issuer": f"{facts.issuer:016X}"}
    if facts.valid_from is not None:
        said["valid_from"] = facts.valid_from
        said["valid_to"] = "for ever" if facts.valid_to is None else facts.valid_to
    return said


def _trust(trust: "TrustProfile") -> dict[str, object]:
    """Return what a profile's table ``[trust]`` would hold."""
    held: dict[str, object] = {
        "signers": [f"0x{one:016X}" for one in trust.signers],
        "issuer": None if trust.issuer is None else f"0x{trust.issuer:016X}",
        "ca_suite1": trust.ca_suite1,
        "ca_suite2": trust.ca_suite2,
        "gb_key": trust.gb_key,
    }
    return {name: value for name, value in held.items() if value}


def _toml(value: object) -> str:
    """Write a value as TOML: numbers bare, points in quotes."""
    if isinstance(value, list):
        return f"[{', '.join(value)}]"
    text = str(value)
    return text if text.startswith("0x") else f'"{text}"'
