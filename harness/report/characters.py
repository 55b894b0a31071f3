"""Leave out of a text what a document cannot hold: a device may say anything."""

import re

#: Characters that neither XML 1.0 nor UTF-8 can hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """Return a text with a mark in the place of each character that a document cannot hold."""
    return _FORBIDDEN.sub("\ufffd", text)
