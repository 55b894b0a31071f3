"""Name the choices of an OTA client where real stacks differ; a profile makes each of them.

What each value means, who does so and why a default is what it is: ``docs/profiles.md``.

Source: ota-cluster fact sheet, sections 2 and 4.
"""

from enum import StrEnum


class ServerChoice(StrEnum):
    """Which of the servers that answer a search is taken."""

    FIRST = "first"
    COORDINATOR = "coordinator"


class UnicastNotify(StrEnum):
    """What a unicast Image Notify must hold to be followed by a query."""

    QUERY = "query"
    STRICT = "strict"


class Wildcards(StrEnum):
    """Which fields of a broadcast Image Notify may hold the value that matches all."""

    NONE = "none"
    TYPE = "type"
    ALL = "all"


class BusyNotify(StrEnum):
    """What is done with an Image Notify while an image is downloaded or waits."""

    FAILURE = "failure"
    IGNORE = "ignore"


class Stranger(StrEnum):
    """What a node that is not the server gets for a command of the cluster."""

    REFUSE = "refuse"
    IGNORE = "ignore"


class PeriodUnit(StrEnum):
    """What a MinimumBlockPeriod counts."""

    REVISION = "revision"
    MILLISECONDS = "ms"
    SECONDS = "s"


class BadBlock(StrEnum):
    """What is done with a block that is never stored."""

    REFUSE = "refuse"
    IGNORE = "ignore"
    MALFORMED = "malformed"
    END = "end"


class PastWait(StrEnum):
    """What is done with a WAIT_FOR_DATA whose request time lies before its current time."""

    WAIT = "wait"
    MALFORMED = "malformed"


class PastUpgrade(StrEnum):
    """What is done with an upgrade time that lies before the current time."""

    NOW = "now"
    POLL = "poll"
    REFUSE = "refuse"


class Resume(StrEnum):
    """How a download goes on that was cut short."""

    STORED = "stored"
    QUERY = "query"
    RESTART = "restart"


class Consent(StrEnum):
    """Whether an offer of an older version, or of the running one, is taken."""

    ACCEPT = "accept"
    REFUSE = "refuse"


class DownloadedStatus(StrEnum):
    """What ImageUpgradeStatus shows between the download and the server's answer."""

    COMPLETE = "complete"
    WAITING = "waiting"


class SignedIntegrity(StrEnum):
    """What the digest of a signature makes of an integrity code's octets in the same file."""

    KEEP = "keep"
    LEAVE_OUT = "leave_out"
    REFUSE = "refuse"


class Fallback(StrEnum):
    """Whether an image boots whose security counter is below the highest one confirmed."""

    ALLOW = "allow"
    REFUSE = "refuse"


class Requirement(StrEnum):
    """Whom an image on trial must have reached to be confirmed."""

    HUB = "hub"
    SERVED = "served"  # and each bridge that had a link through this one before the trial
