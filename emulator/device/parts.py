"""Name the parts that a bridge is wired from; a defect is a bridge with one part replaced."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from emulator.boot.loader import Loader
from emulator.boot.placement import Swap
from emulator.boot.record import RecordLog
from emulator.device.application import Application
from emulator.device.attributes import ATTRIBUTES, Attributes
from emulator.device.basic import BASIC
from emulator.device.battery import POWER
from emulator.device.company import Company
from emulator.device.crossing import Crossing
from emulator.device.descriptors import Descriptors
from emulator.device.gauge import Gauge
from emulator.device.general import General
from emulator.device.outbox import Outbox
from emulator.device.radio import Radio
from emulator.device.session import Session
from emulator.device.store import DownloadStore
from emulator.flash.area import StreamWriter
from emulator.flash.nor import Nor
from emulator.image.judgement import Expectation, Step, Verdict
from emulator.image.verify import STEPS, VerdictMemory, verify
from emulator.ota.client import ClientTable, OtaClient
from emulator.ota.table import TABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Hold what a bridge is made of."""

    flash: type[Nor] = Nor
    records: type[RecordLog] = RecordLog  # type: ignore[type-arg]  # used for two kinds of record
    loader: type[Loader] = Loader
    swap: type[Swap] = Swap
    writer: type[StreamWriter] = StreamWriter
    application: type[Application] = Application
    company: type[Company] = Company
    session: type[Session] = Session
    crossing: type[Crossing] = Crossing
    outbox: type[Outbox] = Outbox
    radio: type[Radio] = Radio
    descriptors: type[Descriptors] = Descriptors
    general: type[General] = General
    gauge: type[Gauge] = Gauge
    store: type[DownloadStore] = DownloadStore
    client: type[OtaClient] = OtaClient
    table: ClientTable = TABLE
    attributes: Attributes = field(default_factory=lambda: ATTRIBUTES)
    basic: Attributes = field(default_factory=lambda: BASIC)
    power: Attributes = field(default_factory=lambda: POWER)
    steps: Mapping[str, Step] = field(default_factory=lambda: STEPS)
    verdicts: VerdictMemory | None = field(default_factory=VerdictMemory)

    def verify(self, octets: bytes, against: Expectation, steps: tuple[str, ...]) -> Verdict:
        """Judge a stored file with these steps and this memory of verdicts."""
        return verify(octets, against, steps, self.verdicts, self.steps)


#: The parts of a sound bridge.
SOUND = Parts()
