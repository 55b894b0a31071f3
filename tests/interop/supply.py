"""Cut the supply of a bridge that is a process: ``python -m tests.interop.supply FOLDER on|off``.

The folder's ``bridge.json`` says which command the bridge is; on starts it, off kills it, which it
does not hear of. Either does nothing where it is so already.
"""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from tests.interop.programs import environment

COMMAND, NUMBER, LOG = "bridge.json", "bridge.pid", "bridge.log"


def running(folder: Path) -> int | None:
    """Return the number of the bridge's process, None where there is none."""
    file = folder / NUMBER
    if not file.exists():
        return None
    pid = int(file.read_text("utf-8"))
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return None
    return None if state == "Z" else pid


def switch(folder: Path, on: bool) -> None:
    """Start the bridge, or kill it and wait until it is gone."""
    pid = running(folder)
    if on and pid is None:
        command = json.loads((folder / COMMAND).read_text("utf-8"))
        with (folder / LOG).open("ab") as log:
            started = subprocess.Popen(
                command,
                cwd=folder,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        (folder / NUMBER).write_text(str(started.pid), "utf-8")
    elif not on and pid is not None:
        process = os.pidfd_open(pid)
        os.kill(pid, signal.SIGKILL)
        select.select([process], [], [])  # its end
        os.close(process)


if __name__ == "__main__":
    switch(Path(sys.argv[1]), {"on": True, "off": False}[sys.argv[2]])
