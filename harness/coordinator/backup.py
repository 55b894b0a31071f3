"""Keep a network in a folder: a stick that knows none takes it over, with the keys and counters."""

import json
from pathlib import Path

from zigpy.backups import NetworkBackup

from emulator.errors import LinkError

_NETWORK = "network.json"


def recall(folder: Path) -> NetworkBackup | None:
    """Return the network that a folder keeps, None for none.

    Raises:
        LinkError: What is there is no network.
    """
    file = folder / _NETWORK
    if not file.exists():
        return None
    try:
        return NetworkBackup.from_dict(json.loads(file.read_text("utf-8")))
    except Exception as error:  # zigpy raises what it likes
        raise LinkError(
            f"{file}: found {type(error).__name__} ({error}), wanted a network that was kept there;"
            " remove the file"
        ) from None


def keep(folder: Path, network: NetworkBackup) -> None:
    """Write a network, whole or not at all; nobody else may read its keys."""
    file = folder / _NETWORK
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(json.dumps(network.as_dict(), indent=2) + "\n", "utf-8")
    new.replace(file)
