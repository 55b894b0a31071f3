"""Read what ``hanover radio`` is told about sticks and bridges: comma-separated key=value lists."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.image_files import EUI64, U32, Number, WrongUse, read_file

if TYPE_CHECKING:
    from emulator.ncp.line import Line
    from emulator.ncp.radio import BridgeSpec
    from emulator.profiles.model import Profile

#: EZSP versions that hosts speak; 15 was never released.
EZSP_VERSIONS = (13, 14, 16, 17, 18, 19)
#: Where ``tcp:`` listens without a host: whoever can reach it can use it.
LOOPBACK = "127.0.0.1"
#: Bridges of one option, at most.
_MOST_BRIDGES = 200

_BRIDGE_KEYS = ("image", "version", "for", "eui64", "install-code", "name", "count")
_RADIO_KEYS = ("name", "listen", "ezsp")


@dataclass(frozen=True, slots=True, kw_only=True)
class RadioOption:
    """Be one stick: its name, where it listens, the EZSP version it speaks."""

    name: str
    listen: str
    ezsp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeOption:
    """Be one bridge or several of one kind; ``accepts`` is a file that it is made to take."""

    profile: str
    name: str | None = None
    image: Path | None = None
    accepts: Path | None = None
    version: int | None = None
    eui64: int | None = None
    install_code: bytes | None = None
    count: int = 1


def radio_options(radios: Sequence[str], listen: str | None, ezsp: int) -> Sequence[RadioOption]:
    """Return the sticks that ``--radio`` and ``--listen`` ask for.

    Raises:
        WrongUse: Neither or both were given, or one cannot be read.
    """
    if bool(radios) == (listen is not None):
        raise WrongUse("--listen or --radio: found neither or both, wanted one of them")
    if listen is not None:
        return (RadioOption(name="radio", listen=listen, ezsp=ezsp),)
    made = [_radio(text, ezsp) for text in radios]
    names = [one.name for one in made]
    for name in names:
        if names.count(name) > 1:
            raise WrongUse(f"--radio: found the name {name} twice, wanted each once")
    return made


def _radio(text: str, ezsp: int) -> RadioOption:
    what = f"--radio {text}"
    given = _pairs(what, text.split(","), _RADIO_KEYS)
    for key in ("name", "listen"):
        if not given.get(key):
            raise WrongUse(f"{what}: found no {key}=, wanted name=NAME,listen=WHERE")
    version = given.get("ezsp", str(ezsp))
    if version not in map(str, EZSP_VERSIONS):
        wanted = ", ".join(map(str, EZSP_VERSIONS))
        raise WrongUse(f"{what}: found ezsp {version}, wanted one of {wanted}")
    return RadioOption(name=given["name"], listen=given["listen"], ezsp=int(version))


def bridge_option(text: str) -> BridgeOption:
    """Return what one ``--bridge`` asks for.

    Raises:
        WrongUse: It cannot be read; says which part of it.
    """
    what = f"--bridge {text}"
    profile, *rest = text.split(",")
    given = _pairs(what, rest, _BRIDGE_KEYS)
    if not profile:
        raise WrongUse(f"{what}: found no name, wanted a profile's name or file")
    firsts = [key for key in ("image", "version", "for") if key in given]
    if len(firsts) > 1:
        raise WrongUse(f"{what}: found {' and '.join(firsts)}, wanted one of them")
    count = _number(what, "count", given.get("count", "1"), most=_MOST_BRIDGES)
    single = [key for key in ("eui64", "install-code") if key in given]
    if count > 1 and single:
        raise WrongUse(f"{what}: found {single[0]} for {count} bridges, wanted one bridge")
    version, eui64 = given.get("version"), given.get("eui64")
    return BridgeOption(
        profile=profile,
        name=given.get("name"),
        image=Path(given["image"]) if "image" in given else None,
        accepts=Path(given["for"]) if "for" in given else None,
        version=None if version is None else _converted(what, "version", U32, version),
        eui64=None if eui64 is None else _converted(what, "eui64", EUI64, eui64),
        install_code=_install_code(what, given.get("install-code")),
        count=count,
    )


def _pairs(what: str, parts: Sequence[str], keys: Sequence[str]) -> Mapping[str, str]:
    made: dict[str, str] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if key not in keys or not equals or not value:
            wanted = ", ".join(f"{each}=" for each in keys)
            raise WrongUse(f"{what}: found {part!r}, wanted {wanted} with a value")
        if key in made:
            raise WrongUse(f"{what}: found {key}= twice, wanted it once")
        made[key] = value
    return made


def _converted(what: str, key: str, kind: Number, text: str) -> int:
    try:
        return kind.convert(text, None, None)
    except click.BadParameter as error:
        raise WrongUse(f"{what}: {key}: {error.message}") from None


def _number(what: str, key: str, text: str, *, most: int) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise WrongUse(f"{what}: found {key} {text}, wanted 1 to {most}")
    return int(text)


def _install_code(what: str, text: str | None) -> bytes | None:
    from emulator.crypto.install_code import read_install_code
    from emulator.errors import InstallCodeError

    if text is None:
        return None
    try:
        return read_install_code(text)
    except InstallCodeError as error:
        raise WrongUse(f"{what}: {error}") from None


def line_of(listen: str) -> "Line":
    """Return the line that ``pty:PATH``, ``tcp:HOST:PORT`` or ``tcp:PORT`` names.

    Raises:
        WrongUse: It names none.
    """
    scheme, _, rest = listen.partition(":")
    if scheme == "pty" and rest:
        from emulator.ncp.pty import PtyLine

        return PtyLine(Path(rest))
    host, port = _host_and_port(rest)
    if scheme == "tcp" and port.isdecimal() and int(port) <= 0xFFFF:
        from emulator.ncp.tcp import TcpLine

        return TcpLine(host, int(port))
    raise WrongUse(f"--listen {listen}: found no line, wanted pty:PATH or tcp:HOST:PORT")


def is_exposed(listen: str) -> bool:
    """Tell whether other machines may reach what listens there."""
    scheme, _, rest = listen.partition(":")
    host, _ = _host_and_port(rest)
    try:
        return scheme == "tcp" and not ip_address(host).is_loopback
    except ValueError:  # a name
        return host != "localhost"


def _host_and_port(text: str) -> tuple[str, str]:
    host, _, port = text.rpartition(":")
    return host.removeprefix("[").removesuffix("]") or LOOPBACK, port


def bridge_specs(
    options: Sequence[BridgeOption],
    *,
    strict: bool,
    fast: bool,
    taken: Collection[str] = (),
) -> tuple[Sequence["BridgeSpec"], Sequence[str]]:
    """Return the bridges to make, and what a person should know about them.

    Args:
        options: What was asked for.
        strict: Keep the profiles as they are.
        fast: Shorten their long waits.
        taken: Names that no bridge may have; one that is taken gets a number.

    Raises:
        WrongUse: A file or a profile cannot be used.
    """
    specs: list[BridgeSpec] = []
    remarks: dict[str, None] = {}  # each once, in order
    for option in options:
        profile, image, version = _prepared(option, remarks, strict=strict, fast=fast)
        names = {*taken, *(one.name for one in specs)}
        specs += _specs(option, profile, image, version, names)
    return specs, tuple(remarks)


def _prepared(
    option: BridgeOption, remarks: dict[str, None], *, strict: bool, fast: bool
) -> "tuple[Profile, bytes, int]":
    """Return profile, first image and its version."""
    from emulator.errors import ProfileError
    from harness.adaptation import UnfitError

    try:
        return prepared(option, remarks, strict=strict, fast=fast)
    except (UnfitError, ProfileError) as error:
        raise WrongUse(f"--bridge {option.profile}: {error}") from None


def prepared(
    option: BridgeOption, remarks: dict[str, None], *, strict: bool, fast: bool
) -> "tuple[Profile, bytes, int]":
    """Return the profile, the first image and its version of what an option asks for.

    Args:
        option: The bridge.
        remarks: Takes what a person should know about it.
        strict: Keep the profile as it is.
        fast: Shorten its long waits.

    Raises:
        UnfitError: The file fits no bridge.
        ProfileError: There is no such profile, or it cannot have what is asked for.
    """
    from emulator.ncp.radio import at_home
    from emulator.profiles.haste import hastened
    from harness.adaptation import adapt
    from harness.cli.profiles import find_profile
    from harness.firmware import FIRST_VERSION, built, filler

    profile = find_profile(option.profile)
    file = option.image or option.accepts
    plan = None if file is None else adapt(read_file(file), profile, strict=strict)
    if plan is not None:
        profile = plan.profile
        for remark in plan.remarks[: None if option.accepts else -1]:
            remarks[f"{profile.name}: {remark}"] = None
    if not strict:
        profile = at_home(profile)
        remarks[_AT_HOME] = None
    if fast:
        profile = hastened(profile)
    if plan is not None and option.image is not None:
        return profile, plan.image.octets, plan.file_version
    if plan is not None:
        return profile, plan.first_image, plan.first_version
    version = FIRST_VERSION if option.version is None else option.version
    return profile, built(profile, filler(_FIRST_SIZE, version), version), version


_FIRST_SIZE = 256
_AT_HOME = (
    "bridges speak profile 0x0104 without APS encryption, as hosts of Home Automation do"
    " (--strict keeps Smart Energy)"
)


def _specs(
    option: BridgeOption, profile: "Profile", image: bytes, version: int, taken: set[str]
) -> "list[BridgeSpec]":
    from emulator.ncp.radio import BridgeSpec

    made = []
    for _ in range(option.count):
        name = _free(option.name or profile.name, taken)
        taken.add(name)
        made.append(
            BridgeSpec(
                name=name,
                profile=profile,
                image=image,
                version=version,
                install_code=option.install_code,
                eui64=option.eui64,
            )
        )
    return made


def _free(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free
