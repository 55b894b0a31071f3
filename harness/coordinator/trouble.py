"""Say in a line what is wrong with a stick."""

from bellows.ash import NcpFailure
from bellows.types import NcpResetCode
from zigpy.exceptions import TransientConnectionError

from emulator.errors import LinkError

#: Errors that say what is wrong with a port.
_TELLING = (LinkError, OSError, TransientConnectionError)


def told(error: BaseException | None) -> str:
    """Return what an error says, on one line; one that says nothing may have a cause that does."""
    if error is None:
        return "it closed the line"
    if isinstance(error, TimeoutError):
        return "it does not answer"
    if isinstance(error, NcpFailure) and isinstance(error.code, NcpResetCode):
        return f"it has reset itself or failed ({error.code.name})"
    text = " ".join(str(error).split())
    if not text and error.__cause__ is not None:
        return told(error.__cause__)
    return text or type(error).__name__


def gone(error: BaseException | None) -> str:
    """Return that the stick is gone, and why."""
    return f"the stick is gone: {told(error)}"


def cause(trouble: str | None, error: BaseException, doing: str = "") -> str:
    """Return what is wrong: of a stick that is gone, not what followed from that.

    Args:
        trouble: What was wrong with the stick before; None: nothing.
        error: What was raised; whoever uses a stick may find out first that it is gone.
        doing: What to say before an error that nothing else explains.
    """
    if trouble is not None and not isinstance(error, _TELLING):
        return trouble
    return gone(error) if isinstance(error, NcpFailure) else doing + told(error)
