"""Name the verdicts, and the two ways in which a case says that it has none.

Source: design section 9. Only ``passed`` is green.
"""

from enum import StrEnum


class Outcome(StrEnum):
    """Say how a case ended."""

    PASSED = "passed"
    FAILED = "failed"
    UNSUPPORTED = "unsupported"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


class NoVerdict(Exception):
    """End a case without a verdict, with a reason."""

    outcome: Outcome


class Unsupported(NoVerdict):
    """The lane cannot do it, or the DUT's own statement says that it does not."""

    outcome = Outcome.UNSUPPORTED


class Inconclusive(NoVerdict):
    """The control failed, the air lost the frame, or the measure lies inside its uncertainty."""

    outcome = Outcome.INCONCLUSIVE
