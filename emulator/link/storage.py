"""Keep the flash of a bridge in a folder: it outlives the program as it outlives the supply.

``bridge.json`` is the whole flash of some moment; it names a log of what was programmed and erased
since. The log is on the disk before the bridge says or does what came of an operation. A program
that is killed leaves at most a torn last line: then that operation did not begin.
"""

import base64
import fcntl
import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from emulator.contract import Identity
from emulator.device.bridge import Bridge
from emulator.errors import LinkError, StateError
from emulator.flash.nor import Content, Nor, Operation, OperationKind, Snapshot
from emulator.link.chance import derive
from emulator.profiles.load import plain
from emulator.units import Octets

#: The number of this layout; another one is refused.
SCHEMA = 1
BASE, LOCK = "bridge.json", "lock"
#: A log of more octets than this many times the flash becomes a new base.
_LONGEST_LOG = 4


class Storage:
    """Be the folder of one bridge; only one program at a time has it open."""

    def __init__(self, folder: Path) -> None:
        """Open the folder; make it if it is not there.

        Raises:
            LinkError: Another program has it.
        """
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = (folder / LOCK).open("ab")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise LinkError(f"{folder}: found a bridge that runs, wanted nobody there") from None
        self._log: BinaryIO | None = None
        self._logged: Octets = 0
        self._bridge: Bridge | None = None
        self._seed = self._lives = 0

    def close(self) -> None:
        """Let others have the folder."""
        if self._log is not None:
            self._log.close()
        self._lock.close()

    @property
    def is_new(self) -> bool:
        """Tell whether no bridge was ever kept here."""
        return not (self.folder / BASE).exists()

    def begin(self, bridge: Bridge, seed: int) -> None:
        """Keep a bridge that has just left its factory.

        Args:
            bridge: Which one; ``keep`` is about it from now on.
            seed: Of its chance.
        """
        self._bridge, self._seed, self._lives = bridge, seed, 1
        self._write_base()

    def load(self, bridge: Bridge) -> None:
        """Let a bridge be the one that is kept here; it is off, as after a power cut.

        Args:
            bridge: Just made, of the same profile; ``keep`` is about it from now on.

        Raises:
            StateError: The files are damaged, or hold another kind of bridge.
        """
        base = self._read_base()
        self._seed, self._lives = base["seed"], base["lives"] + 1
        found, wanted = base["flash"], plain(bridge.profile)["flash"]
        if found != wanted:
            name = base["profile"]
            raise self._damaged(
                "flash", f"the flash map of {name}", f"that of {bridge.profile.name}"
            )
        who, seed = self._identity(base["identity"]), derive(self._seed, str(self._lives))
        bridge.revive(who, _snapshot(base, bridge.flash), seed)
        bridge.flash.recording = False
        self._replay(bridge.flash, self._log_of(base["operations"]))
        self._bridge = bridge
        self._write_base()

    def keep(self) -> None:
        """Put on the disk what was done to the flash since the last call."""
        bridge, log = self._bridge, self._log
        if bridge is None or log is None or not bridge.flash.log:
            return  # which is the case at almost every block
        lines = b"".join(_line(one) for one in bridge.flash.log if not one.failed)
        bridge.flash.log.clear()
        log.write(lines)
        os.fsync(log.fileno())
        self._logged += len(lines)
        if self._logged > _LONGEST_LOG * bridge.flash.geometry.size_octets:
            self._write_base()

    # Inside.

    def _damaged(self, what: str, found: str, wanted: str) -> StateError:
        return StateError(f"{self.folder / BASE}: {what}: found {found}, wanted {wanted}")

    def _log_of(self, operations: int) -> Path:
        return self.folder / f"flash-{operations}.log"

    def _read_base(self) -> dict[str, Any]:
        try:
            base = json.loads((self.folder / BASE).read_bytes())
        except (ValueError, RecursionError) as error:
            raise self._damaged("file", f"no JSON ({error})", "a bridge") from None
        if not isinstance(base, dict) or base.get("schema") != SCHEMA:
            found = base.get("schema") if isinstance(base, dict) else type(base).__name__
            raise self._damaged("schema", repr(found), str(SCHEMA))
        for key, kind in _KINDS.items():
            if type(base.get(key)) is not kind:
                raise self._damaged(key, repr(base.get(key)), kind.__name__)
        return base

    def _identity(self, found: dict[str, Any]) -> Identity:
        numbers = [value for key, value in found.items() if key != "eui64"]
        if (
            found.keys() != _IDENTITY
            or not _EUI64.fullmatch(str(found["eui64"]))
            or any(type(one) is not int for one in numbers)
        ):
            raise self._damaged("identity", repr(found), ", ".join(sorted(_IDENTITY)))
        return Identity(**{**found, "eui64": int(found["eui64"], 16)})

    def _write_base(self) -> None:
        """Write the whole flash, and begin a new log; the old pair stands until then."""
        bridge = self._bridge
        if bridge is None or bridge.identity is None:
            raise RuntimeError("found no bridge, wanted one that left its factory")
        flash = bridge.flash
        flash.recording = True
        flash.log.clear()
        path = self._log_of(flash.operations)
        if self._log is not None:
            self._log.close()
        self._log, self._logged = path.open("wb", buffering=0), 0
        base = self.folder / BASE
        part = base.with_suffix(".part")
        with part.open("wb") as stream:
            stream.write(json.dumps(self._document(bridge, bridge.identity)).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(base)
        for old in self.folder.glob("flash-*.log"):
            if old != path:
                with suppress(OSError):
                    old.unlink()

    def _document(self, bridge: Bridge, identity: Identity) -> dict[str, object]:
        pages, masks, _ = bridge.flash.content()  # weak octets come of a plan of faults alone
        return {
            "schema": SCHEMA,
            "profile": bridge.profile.name,
            "identity": {
                "eui64": f"{identity.eui64:016x}",
                "manufacturer": identity.manufacturer,
                "image_type": identity.image_type,
                "hardware_version": identity.hardware_version,
            },
            "seed": self._seed,
            "lives": self._lives,
            "operations": bridge.flash.operations,
            "flash": plain(bridge.profile)["flash"],
            "pages": {
                str(number): [base64.b64encode(page).decode(), f"{mask:x}"]
                for number, (page, mask) in enumerate(zip(pages, masks, strict=True))
                if mask
            },
        }

    def _replay(self, nor: Nor, log: Path) -> None:
        """Do again what the log says; its last line may be torn."""
        text = log.read_bytes() if log.exists() else b""
        *lines, _ = text.split(b"\n")
        for number, line in enumerate(lines, 1):
            try:
                at, kind, address, what = json.loads(line)
                if at != nor.operations:
                    raise ValueError(f"found operation {at}, wanted {nor.operations}")
                if kind == OperationKind.ERASE:
                    nor.erase(address, what)
                else:
                    nor.program(address, bytes.fromhex(what))
            except (ValueError, TypeError, RuntimeError) as error:
                raise StateError(f"{log}: line {number}: {error}") from None


_KINDS: dict[str, type] = {
    "profile": str,
    "identity": dict,
    "seed": int,
    "lives": int,
    "operations": int,
    "flash": dict,
    "pages": dict,
}
_EUI64 = re.compile(r"[0-9a-f]{16}")
_IDENTITY = frozenset({"eui64", "manufacturer", "image_type", "hardware_version"})


def _snapshot(base: dict[str, Any], blank: Nor) -> Snapshot:
    pages, masks = list(blank.content().pages), list(blank.content().masks)
    try:
        for key, (octets, mask) in base["pages"].items():
            number, page = int(key), base64.b64decode(octets, validate=True)
            if len(page) != len(pages[number]):
                raise ValueError(f"a page of {len(page)} octets, wanted {len(pages[number])}")
            pages[number], masks[number] = page, int(mask, 16)
    except (ValueError, TypeError, IndexError) as error:
        raise StateError(f"{BASE}: pages: {error}") from None
    return Snapshot(Content(tuple(pages), tuple(masks)), base["operations"])


def _line(operation: Operation) -> bytes:
    data = operation.data
    what = operation.length if data is None else data.hex()
    values = [operation.number, operation.kind, operation.address, what]
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"
