"""Know how full the battery is; this is measured, so it outlives what runs."""

from emulator.profiles.battery import BatteryProfile


class Gauge:
    """Be the fuel gauge of a bridge; one without a battery table has none, and never runs short.

    Attributes:
        profile: The charge model; None: no battery that anybody measures.
        percent: The charge that was told last, 0..100; None: nothing was, which counts as enough.
    """

    def __init__(self, profile: BatteryProfile | None) -> None:
        self.profile = profile
        self.percent: int | None = None

    @property
    def reserve(self) -> int:
        """Return the percentage below which no download goes on and no trial begins."""
        return 0 if self.profile is None else self.profile.reserve_percent

    @property
    def short(self) -> bool:
        """Tell whether the charge is known to lie below the reserve."""
        return self.percent is not None and self.percent < self.reserve

    def tell(self, percent: int) -> None:
        """Take note of the charge.

        Args:
            percent: What is left of the battery.

        Raises:
            ValueError: The percentage is not 0..100.
        """
        if not 0 <= percent <= 100:
            raise ValueError(f"percent: found {percent}, wanted 0..100")
        if self.profile is not None:
            self.percent = percent
