"""Be a device program that says what it can do, and does nothing."""

import shlex
import sys


def program_of(capabilities: str) -> str:
    """Return a command that says hello with these capabilities, and nothing else."""
    script = (
        "import json, sys\n"
        "for line in sys.stdin:\n"
        f"    more = dict(protocol=1, name='x', capabilities={capabilities})\n"
        "    reply = dict(id=json.loads(line)['id'], actions=[], deadline_us=None, **more)\n"
        "    print(json.dumps(reply), flush=True)\n"
    )
    return shlex.join([sys.executable, "-c", script])
