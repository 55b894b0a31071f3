"""Read the bases that recipes start from: honest files as parameters, keys, and an identity."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.contract import Identity
from harness.data import vectors as shipped
from harness.vectors.load import document_of, shown
from harness.vectors.model import VectorError

if TYPE_CHECKING:
    from emulator.image.keys import GbSigner, Signer

#: Folder of the bases, in a folder of vectors.
BASES = "bases"
_SCHEMA = "base-1"
#: Files of that folder that are no bases.
_IDENTITY, _KEYS = "identity.json", "keys.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """Be one base: parameters of ``emulator.image.build.build`` and the edits that complete it.

    Args:
        name: Its file, without ``.json``.
        about: What it is, in one sentence.
        build: The parameters as the file has them.
        edits: Edits of ``emulator.image.edits``, made after building.
        file: Where it was read.
    """

    name: str
    about: str
    build: Mapping[str, Any]
    edits: tuple[Mapping[str, Any], ...]
    file: Path


def base_names(folder: Path | None = None) -> tuple[str, ...]:
    """Return the names of all bases, those of a user's folder first."""
    found = dict.fromkeys(
        path.stem
        for home in _homes(folder)
        for path in sorted((home / BASES).glob("*.json"))
        if path.name not in (_IDENTITY, _KEYS)
    )
    return tuple(found)


def load_base(name: str, folder: Path | None = None) -> Base:
    """Return a base: of a user's folder of vectors if it has one of this name, else of ours.

    Raises:
        VectorError: There is no such base, or its file is wrong.
    """
    for home in _homes(folder):
        path = home / BASES / f"{name}.json"
        if path.name not in (_IDENTITY, _KEYS) and path.is_file():
            return _base(path, path.stat().st_mtime_ns)
    known = ", ".join(base_names(folder))
    raise VectorError(BASES, "", "base", shown(name), f"one of {known}")


@lru_cache(maxsize=1)
def reference_identity() -> Identity:
    """Return the identity whose renderings the digests are of."""
    document = document_of(shipped() / BASES / _IDENTITY)
    return Identity(**{name: int(document[name], 16) for name in Identity.__slots__})


@lru_cache(maxsize=1)
def _key_document() -> Mapping[str, Any]:
    return document_of(shipped() / BASES / _KEYS)


def trust() -> dict[str, Any]:
    """Return the table ``[trust]`` of a device that believes our own test keys, and no other."""
    told = _key_document()["trust"]
    return {
        **told,
        "signers": [int(one, 16) for one in told["signers"]],
        "issuer": int(told["issuer"], 16),
    }


class KeyRing(Mapping[str, "Signer | GbSigner"]):
    """Be the keys that edits may name, each read when it is first asked for.

    That their parts belong together is a test's to see, not every run's.
    """

    def __init__(self) -> None:
        self._read: dict[str, Signer | GbSigner] = {}

    def __getitem__(self, name: str) -> "Signer | GbSigner":
        if name not in self._read:
            self._read[name] = _key(_key_document()["keys"][name])
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in _key_document()["keys"]

    def __iter__(self) -> Iterator[str]:
        return iter(_key_document()["keys"])

    def __len__(self) -> int:
        return len(_key_document()["keys"])


def _key(document: Mapping[str, Any]) -> "Signer | GbSigner":
    from emulator.crypto.suites import Suite
    from emulator.image.keys import GbSigner, Signer

    eui64, private = int(document["eui64"], 16), int(document["private"], 16)
    if document["kind"] == "gb-signer":
        return GbSigner(eui64=eui64, private=private)
    return Signer(
        suite=Suite(document["suite"]),
        eui64=eui64,
        private=private,
        certificate=bytes.fromhex(document["certificate"]),
        ca_public=bytes.fromhex(document["ca_public"]),
    )


def _homes(folder: Path | None) -> tuple[Path, ...]:
    ours = shipped()
    same = folder is None or folder == ours or folder.resolve() == ours.resolve()
    return (ours,) if folder is None or same else (folder, ours)


@lru_cache(maxsize=64)
def _base(path: Path, stamp: int) -> Base:
    place, document = f"{BASES}/{path.name}", document_of(path)
    if document.get("schema") != _SCHEMA:
        raise VectorError(place, "", "schema", shown(document.get("schema")), f'"{_SCHEMA}"')
    kinds: dict[str, type] = {"schema": str, "about": str, "build": dict, "edits": list}
    for name in document.keys() - kinds.keys():
        raise VectorError(place, "", name, "an unknown field", f"one of {', '.join(kinds)}")
    for name, kind in kinds.items():
        if not isinstance(document.get(name), kind):
            wanted = f"a value of kind {kind.__name__}"
            raise VectorError(place, "", name, shown(document.get(name)), wanted)
    return Base(
        name=path.stem,
        about=document["about"],
        build=document["build"],
        edits=tuple(document["edits"]),
        file=path,
    )


def canonical(value: object) -> str:
    """Return the one JSON text of a value: the same value, the same text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
