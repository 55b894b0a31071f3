"""Be the command ``hanover``: find the subcommand, end with one line and the right exit code."""

import io
import os
import signal
import sys
import traceback
from typing import Any, NoReturn

import click

from harness.cli.lazy import LazyGroup

#: What click raises for a group without a subcommand, from 8.2 on: its message is the help.
_HELP: type[Exception] = getattr(click.exceptions, "NoArgsIsHelpError", click.exceptions.Exit)

#: Set it to see the traceback of a fault.
_DEBUG = "HANOVER_DEBUG"

#: Each subcommand, what it is for, and the module that holds it under the same name.
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("harness.cli.run", "Run the conformance suite."),
    "report": ("harness.cli.report", "Check and compare what runs wrote."),
    "upgrade": ("harness.cli.upgrade", "Upgrade one bridge, emulated or on the air."),
    "premises": ("harness.cli.premises", "Upgrade a whole home of two or three bridges."),
    "radio": ("harness.cli.radio", "Be a ZigBee radio stick with bridges behind it."),
    "emulate": ("harness.cli.emulate", "Be one emulated bridge, for a program or on a network."),
    "devices": ("harness.cli.devices", "List the devices on the network of a stick."),
    "exec": ("harness.cli.exec", "Check a device program, and show the protocol it speaks."),
    "dut": ("harness.cli.dut", "Describe a device under test: interview it, check its file."),
    "ports": ("harness.cli.ports", "List serial ports, and what answers there."),
    "sweep": ("harness.cli.sweep", "Cut power at every flash operation of a bridge's life."),
    "image": ("harness.cli.image", "Make firmware files and look into them."),
    "vectors": ("harness.cli.vectors", "Show, check and add test vectors."),
    "explain": ("harness.cli.explain", "Explain a requirement: source, cases, defects, switches."),
    "trace": ("harness.cli.trace", "What stands for each requirement, and back."),
    "defects": ("harness.cli.defects", "Show the defects that the suite is proven with."),
    "killmatrix": ("harness.cli.killmatrix", "Hold every defect against every case."),
    "profiles": ("harness.cli.profiles", "Show the bridge types."),
}


class Hanover(LazyGroup):
    """Be the command line as a whole."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a subcommand; Ctrl-C ends it in one line."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(_complain("interrupted", 130))


def _print_version(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from harness.report.provenance import product_version

        click.echo(f"hanover {product_version()}")
        ctx.exit()


@click.group(cls=Hanover, table=COMMANDS)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def hanover() -> None:
    """Emulate Alt HAN bridges and test their ZigBee OTA firmware upgrade.

    Exit codes: 0 done and good; 1 the device or the data failed; 2 wrong use, or nothing to do;
    3 the link, the environment or Hanover itself failed; 130 Ctrl-C, with what was found kept.
    """


def main() -> NoReturn:
    """Run the command line; never ends in a traceback."""
    _let_readers_leave()
    # A request to end is taken as Ctrl-C: what was begun, a device program too, is put to its end.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run_command(sys.argv[1:]))


class _Stdout(io.FileIO):
    """Be standard output whose reader may leave (``| head``): the exit code is still the work's."""

    _failed = False

    def write(self, octets: Any, /) -> int:  # noqa: ANN401 - as FileIO: any buffer
        """Write octets; drop them where nobody reads, and after an error that was raised once."""
        try:
            return super().write(octets)
        except OSError as error:
            if not isinstance(error, BrokenPipeError) and not self._failed:
                self._failed = True  # what is buffered comes again when the interpreter ends
                raise
            return memoryview(octets).nbytes


def _let_readers_leave() -> None:
    """Put what takes a closed pipe calmly in the place of standard output."""
    given = sys.stdout
    if given is None:  # closed before this process began
        sys.stdout = io.StringIO()
        return
    try:
        raw = _Stdout(given.fileno(), "w", closefd=False)
    except (AttributeError, OSError, ValueError):  # there is none, or none of the system's
        return
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=given.encoding,
        errors=given.errors,
        line_buffering=bool(given.line_buffering),
    )


def run_command(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    try:
        code = hanover.main(arguments, prog_name="hanover", standalone_mode=False, obj=arguments)
    except (click.exceptions.Abort, KeyboardInterrupt):  # before or after a subcommand
        return _complain("interrupted", 130)
    except click.ClickException as error:
        if isinstance(error, _HELP):
            error.show()
            return error.exit_code
        return _complain(error.format_message(), error.exit_code)
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except Exception as error:  # the last resort of a command: one line, one exit code
        return _complain(*_blame(error))
    return code if isinstance(code, int) else 0


def _blame(error: Exception) -> tuple[str, int]:
    """Return the one line and the exit code of an error that no command handled."""
    from emulator.errors import HanoverError, LinkError

    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        return f"{name}{error.strerror or error}", 3
    if isinstance(error, HanoverError) and not isinstance(error, LinkError):
        return str(error), 2
    if isinstance(error, HanoverError):
        return str(error), 3
    if os.environ.get(_DEBUG):
        traceback.print_exception(error)
    fault = f"a fault of Hanover itself: {type(error).__name__}: {error}"
    return f"{fault} ({_DEBUG}=1 shows where)", 3


def _complain(message: str, code: int) -> int:
    click.echo(f"hanover: {' '.join(message.split())}", err=True)
    return code


if __name__ == "__main__":
    main()
