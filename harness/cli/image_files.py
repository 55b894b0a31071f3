"""Read and write firmware files for the commands: one-line complaints, whole files or none."""

import os
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG

import click

#: Files above this size are no bridge's firmware; they are refused without being read.
LARGEST_FILE = 64 * 1024 * 1024


class WrongUse(click.ClickException):
    """Say in one line what was asked for wrongly; exit 2."""

    exit_code = 2


class Flawed(click.ClickException):
    """Say in one line why a file cannot even be shown; exit 1."""

    exit_code = 1


class Environment(click.ClickException):
    """Say in one line what the machine refused; exit 3."""

    exit_code = 3


class Number(click.ParamType[int]):
    """Take an unsigned integer of so many bits, decimal or 0x...; an EUI64 may have colons."""

    def __init__(self, bits: int, *, least: int = 0, most: int | None = None) -> None:
        self.least, self.most = least, (1 << bits) - 1 if most is None else most
        self.name = f"u{bits}"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the number, or fail with what was found and what was wanted."""
        text = str(value)
        try:
            number = int(text.replace(":", ""), 16) if ":" in text else int(text, 0)
        except ValueError:
            self.fail(f"found {text!r}, wanted a number, decimal or 0x...", param, ctx)
        if not self.least <= number <= self.most:
            least = f"{self.least:#x}" if self.least else "0"
            self.fail(f"found {text}, wanted {least} to {self.most:#x}", param, ctx)
        return number


U8, U16, U32, U64 = Number(8), Number(16), Number(32), Number(64)
#: Who signs, or issues certificates: 0 and all ones are nobody.
EUI64 = Number(64, least=1, most=(1 << 64) - 2)


def read_file(file: Path) -> bytes:
    """Return the octets of a regular file that is neither empty nor huge.

    Raises:
        WrongUse: There is no such file; says what is there instead.
        Environment: The machine does not let us read it.
    """
    name = click.format_filename(file)
    try:
        about = file.stat()
        if not S_ISREG(about.st_mode):
            what = "a directory" if file.is_dir() else "something else"
            raise WrongUse(f"{name}: found {what}, wanted a regular file")
        if about.st_size > LARGEST_FILE:
            raise WrongUse(f"{name}: found {about.st_size} octets, wanted at most {LARGEST_FILE}")
        with file.open("rb") as stream:
            octets = stream.read(LARGEST_FILE + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise WrongUse(f"{name}: found nothing, wanted a file") from error
    except (OSError, ValueError) as error:
        raise Environment(f"{name}: cannot be read: {error}") from error
    if not 0 < len(octets) <= LARGEST_FILE:
        raise WrongUse(f"{name}: found {len(octets)} octets, wanted 1 to {LARGEST_FILE}")
    return octets


def refuse_existing(out: Path, *, force: bool) -> None:
    """Refuse to write over a file without ``force``, and over anything else at all.

    Raises:
        WrongUse: Something is in the way, or the directory is not there.
    """
    name = click.format_filename(out)
    if not out.parent.is_dir():
        raise WrongUse(f"{name}: found no directory {click.format_filename(out.parent)}")
    if out.is_dir():
        raise WrongUse(f"{name}: found a directory, wanted a file name")
    if not (out.exists() or out.is_symlink()):
        return
    if not out.is_file():
        raise WrongUse(f"{name}: found something that is no regular file")
    if not force:
        raise WrongUse(f"{name}: found a file, wanted none (--force replaces it)")


def write_file(out: Path, octets: bytes) -> None:
    """Write a file whole or not at all: a new file beside it takes its name at the end.

    Raises:
        Environment: The machine does not let us; nothing is left behind.
    """
    target = out.resolve()
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as stream:
            stream.write(octets)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(target)
    except BaseException as error:  # Ctrl-C leaves nothing behind either
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise Environment(f"{click.format_filename(out)}: cannot be written: {error}") from error
