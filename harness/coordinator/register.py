"""Remember who is on a network, and what each device was offered: longer than a stick is open.

What a device must not be offered twice is on the disk before it is offered: whoever is killed in
the middle of a download and comes back knows of it.
"""

import json
from pathlib import Path

from emulator.errors import LinkError

#: Versions that one bench may use.
VERSIONS = 16
_MEMBERS = "members.json"


class Register:
    """Be what is known of the devices of one network.

    Args:
        folder: Where it is kept; None: nowhere.

    Raises:
        LinkError: What the folder holds cannot be read.
    """

    def __init__(self, folder: Path | None) -> None:
        self._file = None if folder is None else folder / _MEMBERS
        #: NWK address of each device that is or was on the network, by EUI-64.
        self.members: dict[int, int] = {}
        #: Version that a device ran when it was seen at rest, by EUI-64.
        self.rested: dict[int, int] = {}
        #: Devices that answered nothing when they were last asked.
        self.mute: set[int] = set()
        #: Devices that left and did not come back.
        self.gone: set[int] = set()
        #: The device that benches are about where nobody said which; None: it was not seen yet.
        self.subject: int | None = None
        #: Devices that were waited for and did not come, with the keys that they had to have.
        self.absent: set[tuple[int | None, bytes | None]] = set()
        self._offered: dict[int, int] = {}  # the highest version, by EUI-64
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            if self._file.exists():
                self._recall(self._file)

    def came(self, eui64: int, address: int) -> None:
        """Note where a device is."""
        self.gone.discard(eui64)
        if self.members.get(eui64) != address:
            self.members[eui64] = address
            self._keep()

    def following(self, eui64: int, version: int) -> int:
        """Return a version above one that a device knows, and those of a case are its alone.

        A device may go on with a download that it began once: no version means two images.
        """
        first = max(version, self._offered.get(eui64, 0)) + 1
        self._offered[eui64] = first + VERSIONS - 1
        self._keep()
        return first

    def _recall(self, file: Path) -> None:
        try:
            kept = json.loads(file.read_text("utf-8"))
            for key, one in kept.items():
                eui64 = int(key, 16)
                self.members[eui64], self._offered[eui64] = int(one["address"]), int(one["offered"])
        except (ValueError, AttributeError, TypeError, KeyError) as error:
            raise LinkError(
                f"{file}: found {type(error).__name__} ({error}), wanted address and offered by"
                " EUI-64; remove the file"
            ) from None

    def _keep(self) -> None:
        if self._file is None:
            return
        kept = {
            f"{eui64:016x}": {"address": address, "offered": self._offered.get(eui64, 0)}
            for eui64, address in sorted(self.members.items())
        }
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(kept, indent=2) + "\n", "utf-8")
        new.replace(self._file)
