"""Write a small folder of vectors, right in everything, for tests to spoil."""

import copy
import json
from pathlib import Path
from typing import Any

from harness.vectors.layout import text_of
from harness.vectors.recipes import digest

_IMAGE: dict[str, Any] = {"base": "zcl-plain", "edits": [{"at": "header_string", "xor": "01"}]}

#: A file of ``image_verify`` with two vectors.
GOOD: dict[str, Any] = {
    "schema": "image-verify-1",
    "about": "Two files that differ in nothing that counts.",
    "notes": {
        "Plain": {"kind": "control", "text": "Nothing is wrong.", "source": "ZCL rev 8, 11.4"},
        "Text": {"kind": "text", "text": "The header string differs.", "source": "ota-cluster 5.1"},
    },
    "vectors": [
        {
            "id": "IV-9001",
            "comment": "an honest file",
            "flags": ["Plain"],
            "requirements": ["OTA-C-085"],
            "needs": {"container": "zcl", "verify": []},
            "image": {"base": "zcl-plain", "sha256": digest({"base": "zcl-plain"})},
            "expect": {"end_status": ["SUCCESS"], "boots": "new"},
        },
        {
            "id": "IV-9002",
            "comment": "another header string",
            "flags": ["Plain", "Text"],
            "requirements": ["OTA-F-029", "OTA-C-085"],
            "needs": {"container": "zcl", "verify": ["structure"]},
            "image": {**_IMAGE, "sha256": digest(_IMAGE)},
            "expect": {"end_status": ["SUCCESS"], "boots": "new"},
        },
    ],
}


def good() -> dict[str, Any]:
    """Return a file of vectors that a test may change."""
    return copy.deepcopy(GOOD)


def write(folder: Path, document: object, family: str = "image_verify", topic: str = "own") -> Path:
    """Write a document as one file of a folder of vectors, and return the file."""
    path = folder / family / f"{topic}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = text_of(document) if isinstance(document, dict) else json.dumps(document)
    path.write_text(text, "utf-8")
    return path
