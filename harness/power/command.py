"""Switch power by a program of the user's."""

import shlex
import subprocess

from emulator.errors import LinkError

#: Longest that the program may take.
LIMIT_S = 60
#: Characters of what it said that a message shows.
_SAID = 200


class CommandSwitch:
    """Run a command for each change; ``{state}`` in it becomes ``on`` or ``off``."""

    def __init__(self, command: str) -> None:
        self._command = command

    def set(self, on: bool) -> None:
        """Run the command.

        Raises:
            LinkError: It cannot be run, does not end in time, or ends with a code other than 0.
        """
        run_command(self._command, "power", state="on" if on else "off")

    def close(self) -> None:
        """Hold nothing."""


def run_command(command: str, what: str, *, limit_s: int = LIMIT_S, **values: str) -> None:
    """Run a user's command, without a shell, with each ``{name}`` replaced by its value.

    Args:
        command: Words as a shell splits them.
        what: What it is for, for the message.
        limit_s: Longest that it may take, in seconds.
        values: What the names become.

    Raises:
        LinkError: It cannot be run, does not end in time, or ends with a code other than 0.
    """
    try:
        words = [_filled(word, values) for word in shlex.split(command)]
        ended = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=limit_s, check=False
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise LinkError(f"{what}: {command}: found {reason}, wanted a command that runs") from None
    except subprocess.TimeoutExpired:
        raise LinkError(f"{what}: {command}: found no end in {limit_s} s, wanted one") from None
    if ended.returncode != 0:
        said = " ".join((ended.stderr or ended.stdout).decode("utf-8", "replace").split())
        tail = f" ({said[-_SAID:]})" if said else ""
        raise LinkError(f"{what}: {command}: found exit code {ended.returncode}, wanted 0{tail}")


def _filled(word: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        word = word.replace(f"{{{name}}}", value)
    return word
