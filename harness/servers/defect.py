"""Say what a deliberate fault of a server is."""

from dataclasses import dataclass

from harness.hub.server import Hub


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerDefect:
    """Be one deliberate fault of a server: our hub with one part replaced, and who must notice.

    Args:
        id: D301 and up, for ever.
        title: What the server does wrong, in a few words.
        copies: The real bug that it copies, or the rule that it breaks.
        hub: Such a hub.
        caught_by: Names of the server cases that must fail on it.
    """

    id: str
    title: str
    copies: str
    hub: type[Hub]
    caught_by: tuple[str, ...]


def defect(number: int, hub: type[Hub], title: str, copies: str, *caught_by: str) -> ServerDefect:
    """Return the defect of a number."""
    return ServerDefect(id=f"D{number}", title=title, copies=copies, hub=hub, caught_by=caught_by)
