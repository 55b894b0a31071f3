"""Say what the keys of the catalogue's sources stand for, as the head of each of its files does."""

import re
from importlib import resources

_KEY = re.compile(r"^#\s+(\[[^\]]+\]) ([^:\n].*)$", re.MULTILINE)


def source_keys() -> dict[str, str]:
    """Return what each key such as ``[ZS]`` stands for, sorted by key."""
    found: dict[str, str] = {}
    for file in resources.files("harness.requirements").iterdir():
        if file.name.endswith(".toml"):
            head = file.read_text("utf-8").partition("\n[[")[0]
            found |= {key: meaning.strip() for key, meaning in _KEY.findall(head)}
    return dict(sorted(found.items()))
