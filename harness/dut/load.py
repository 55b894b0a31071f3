"""Read DUT files. Every complaint is one line: file, field, found, wanted."""

import hashlib
import itertools
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emulator.crypto.install_code import read_install_code
from emulator.errors import InstallCodeError, KeyFileError, ProfileError, WireError
from emulator.image.keys import GbSigner, Signer, read_key
from emulator.profiles import load as profiles
from emulator.profiles.model import Profile, VerifyStep
from emulator.units import Octets
from emulator.wire.manifest import Trait
from emulator.wire.ota_file import OtaHeader
from harness.dut.model import Band, Dut, DutError, Join, Ladder, Restore, Rung, Step
from harness.dut.table import Table, octets_of
from harness.power.switch import mistaken
from harness.requirements import catalogue
from harness.support import contradiction

#: Far above any file of its kind: a huge one is refused before it fills memory.
LARGEST_TEXT: Octets = 1 << 20
LARGEST_IMAGE: Octets = 1 << 26
#: Least time between two queries that test firmware must keep, whatever its ``timer_scale``.
LEAST_PERIOD_S = 1200
#: What no device has as its address.
_NOBODY = (bytes(8), b"\xff" * 8)
_MAGIC = b"\x1e\xf1\xee\x0b"
_KEY_OCTETS = 16


def load_dut(path: Path) -> Dut:
    """Read a DUT file and every file that it names, relative to its own folder.

    Raises:
        DutError: Something is wrong with one of them; the message names file, field, found, wanted.
    """
    text = octets_of(path, LARGEST_TEXT, str(path))
    try:
        document = tomllib.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML, or nested too deep
        raise DutError(f"{path}: found {error}, wanted a file of TOML") from None
    try:
        return _Reader(path, text).dut(document)
    except DutError as error:
        raise DutError(f"{path}: {error}") from None


class _Reader:
    """Read one DUT file; what it names is digested as it is read."""

    def __init__(self, path: Path, text: bytes) -> None:
        self._path, self._digest = path, hashlib.sha256(text)
        self._eui64 = 0

    def dut(self, document: Mapping[str, Any]) -> Dut:
        """Return what the document says."""
        top = Table(document, "")
        name = top.text("name")
        profile = self._profile(name, top)
        _check_scale(profile, top)
        eui64 = top.hexadecimal("eui64", 8)
        self._eui64 = int(eui64.hex(), 16)
        if eui64 in _NOBODY:
            top.refuse("eui64", eui64.hex(), "the address of a device")
        link, power = top.text("link", ""), top.text("power", "")
        if power and (wrong := mistaken(power)):
            top.blame("power", wrong)
        stated = _statements(top.table("states"), profile)
        join, key = _join(top.table("join")), self._key(top.table("keys"))
        band = _band(top.table("radio"))
        ladder = self._ladder(top.table("ladder", needed=True), profile)
        top.close()
        return Dut(
            name=name,
            file=str(self._path),
            profile=profile,
            eui64=self._eui64,
            ladder=ladder,
            stated=stated,
            join=join,
            band=band,
            key=key,
            link=link or None,
            power=power or None,
            sha256=self._digest.hexdigest(),
        )

    def _profile(self, name: str, top: Table) -> Profile:
        base = top.text("base")
        about = top.text("about", "")
        changes = dict(_dotted(top.plain("profile")))
        for key in ("name", "about"):
            if key in changes:
                top.refuse(f"profile.{key}", f"{changes[key]!r}", f"{key} at the top of the file")
        changes["name"] = name
        if about:
            changes["about"] = about
        try:
            known = base.upper() in profiles.names()
            found = profiles.load(base) if known else self._profile_file(top, base)
        except ProfileError as error:
            raise DutError(f"base: {error}") from None
        try:
            return profiles.overlay(found, changes)
        except ProfileError as error:
            raise DutError(_within_profile(str(error), found.name)) from None

    def _profile_file(self, top: Table, base: str) -> Profile:
        if not base.endswith(".toml"):
            known = ", ".join(profiles.names())
            top.refuse("base", f'"{base}"', f"one of {known}, or a profile's file (.toml)")
        return profiles.parse(self._text("base", base), base)

    def _text(self, field: str, name: str) -> str:
        try:
            return self._read(field, name, LARGEST_TEXT).decode("utf-8")
        except UnicodeDecodeError:
            raise DutError(f"{field}: {name}: found no text, wanted UTF-8") from None

    def _read(self, field: str, name: str, most: Octets) -> bytes:
        octets = octets_of(self._path.parent / name, most, f"{field}: {name}")
        self._digest.update(octets)
        return octets

    def _key(self, table: Table) -> Signer | GbSigner | None:
        name = table.text("test", "")
        table.close()
        if not name:
            return None
        try:
            key = read_key(self._text("keys.test", name))
        except KeyFileError as error:
            raise DutError(f"keys.test: {name}: {error}") from None
        if not isinstance(key, Signer | GbSigner):
            table.refuse("test", f"{name}, a {type(key).__name__}", "the key of a signer")
        return key

    def _ladder(self, table: Table, profile: Profile) -> Ladder:
        steps = frozenset(
            table.word("steps", Step, each) for each in table.texts("steps", ("up", "skip"))
        )
        restore, command = _restore(table)
        made = [self._rung(one, profile) for one in table.tables("version")]
        special = [self._special(one, profile) for one in table.tables("special")]
        table.close()
        if not made:
            table.refuse("version", "nothing", "a table [[ladder.version]] or more")
        for at, (low, high) in enumerate(itertools.pairwise(made), 1):
            if high.version <= low.version:
                wanted = f"above {low.version:#010x}, the one before"
                table.refuse(f"version[{at}].file", f"version {high.version:#010x}", wanted)
        if restore is Restore.DOWNGRADE and Step.DOWN not in steps:
            table.refuse("restore", '"downgrade"', '"down" in ladder.steps beside it')
        return Ladder(
            rungs=tuple(made),
            special=tuple(special),
            steps=steps,
            restore=restore,
            command=command,
        )

    def _special(self, table: Table, profile: Profile) -> Rung:
        traits = Trait(0)
        known = {one.name.lower(): one for one in Trait if one.name}
        for each in table.texts("does"):
            if each not in known:
                table.refuse("does", f'"{each}"', f"some of {', '.join(known)}")
            traits |= known[each]
        if not traits:
            table.refuse("does", "nothing", f"some of {', '.join(known)}")
        return self._rung(table, profile, traits)

    def _rung(self, table: Table, profile: Profile, traits: Trait = Trait(0)) -> Rung:  # noqa: B008 - an enum value
        name = table.text("file")
        claimed = table.number("version", None)
        table.close()
        octets = self._read(table.name("file"), name, LARGEST_IMAGE)
        start = octets.find(_MAGIC)
        try:
            header, _ = OtaHeader.decode_at(octets, max(start, 0))
        except WireError as error:
            table.refuse("file", f"{name}: {error}", "an OTA file")
        if start < 0:
            table.refuse("file", f"{name}: no OTA magic", "an OTA file")
        self._check_header(table, name, header, profile)
        if header.total_size > len(octets) - start:
            told = f"{name}: {len(octets) - start} octets"
            table.refuse("file", told, f"{header.total_size}, as its header says")
        if claimed not in (None, header.file_version):
            wanted_version = f"{header.file_version:#010x}, as {name} says"
            table.refuse("version", f"{claimed:#010x}", wanted_version)
        return Rung(
            file=str(self._path.parent / name),
            version=header.file_version,
            octets=octets[start:],
            traits=traits,
        )

    def _check_header(self, table: Table, name: str, header: OtaHeader, profile: Profile) -> None:
        """Refuse the file of another device: this one would, and rightly."""
        ota, checks = profile.ota, profile.image.verify
        for field, found, wanted in (
            ("manufacturer", header.manufacturer, ota.manufacturer_code),
            ("image type", header.image_type, ota.image_type),
        ):
            if found != wanted:
                told = f"{name}: {field} {found:#06x}"
                table.refuse("file", told, f"{wanted:#06x}, as the profile says")
        low, high, own = header.minimum_hardware or 0, header.maximum_hardware, ota.hardware_version
        if VerifyStep.HARDWARE in checks and high is not None and not low <= own <= high:
            told = f"{name}: for hardware {low:#06x} to {high:#06x}"
            table.refuse("file", told, f"{own:#06x}, as the profile says")
        meant = header.destination
        if VerifyStep.DESTINATION in checks and meant not in (None, self._eui64):
            told = f"{name}: for the device {meant:016x}"
            table.refuse("file", told, f"{self._eui64:016x}, as eui64 says")


def _check_scale(profile: Profile, top: Table) -> None:
    """Refuse firmware whose own queries come so often that a case cannot tell whose cause it is."""
    ota = profile.ota
    most = max(ota.query_period_s // LEAST_PERIOD_S, 1)
    if ota.timer_scale > most:
        wanted = f"{most} at most: {LEAST_PERIOD_S} s between its queries"
        top.refuse("profile.ota.timer_scale", str(ota.timer_scale), wanted)


def _dotted(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, object]]:
    """Return the leaves of nested tables by dotted key, as a profile's overlay takes them."""
    made: list[tuple[str, object]] = []
    for key, value in table.items():
        if isinstance(value, dict):
            made += _dotted(value, f"{prefix}{key}.")
        else:
            made.append((f"{prefix}{key}", value))
    return made


def _within_profile(message: str, origin: str) -> str:
    """Word the error of a base's variant as one of the DUT file's table."""
    return f"profile.{message.removeprefix(f'{origin}: ')}"


def _statements(table: Table, profile: Profile) -> Mapping[str, bool]:
    known = catalogue.items()
    made = {}
    for item in table.names():
        if item not in known:
            table.unknown(item, known)
        made[item] = table.flag(item)
    table.close()
    if (found := contradiction(profile, made)) is not None:
        item, why = found
        said = made[item]
        table.refuse(item, str(said).lower(), f"{str(not said).lower()}, {why}")
    return made


def _join(table: Table) -> Join:
    code, key = table.text("install_code", ""), table.text("link_key", "")
    try:
        install_code = read_install_code(code) if code else None
    except InstallCodeError as error:
        table.blame("install_code", str(error).removeprefix("install code: "))
    link_key = table.hexadecimal("link_key", _KEY_OCTETS) if key else None
    cbke = table.flag("cbke", usual=False)
    table.close()
    if install_code is not None and link_key is not None:
        table.refuse("link_key", "a key beside install_code", "one of the two")
    return Join(install_code=install_code, link_key=link_key, cbke=cbke)


def _band(table: Table) -> Band:
    band = table.word("band", Band, table.text("band", Band.GHZ_2_4))
    table.close()
    return band


def _restore(table: Table) -> tuple[Restore, str]:
    text = table.text("restore", Restore.LADDER)
    if text.startswith("cmd:"):
        command = text.removeprefix("cmd:").strip()
        if not command:
            table.refuse("restore", f'"{text}"', "a command behind cmd:")
        return Restore.COMMAND, command
    if text not in (Restore.DOWNGRADE, Restore.LADDER):
        table.refuse("restore", f'"{text}"', "downgrade, ladder, or cmd:COMMAND")
    return Restore(text), ""
