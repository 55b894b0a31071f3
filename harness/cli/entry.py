"""Enter the command ``hanover``: nothing is imported before Ctrl-C has its one line."""

import sys


def main() -> None:
    """Run the command line; Ctrl-C while it is read from disk ends it as it ends the work.

    What the interpreter does before, some hundredths of a second, is out of reach.

    Raises:
        SystemExit: Always, with the exit code.
    """
    try:
        from harness.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("hanover: interrupted\n")
        raise SystemExit(130) from None
