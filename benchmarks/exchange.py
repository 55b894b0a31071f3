"""Measure block exchanges per second against zigpy's codec alone, in one process.

One exchange: the bridge asks, the hub answers, the bridge stores and asks again, in a world with
the trace on and a fault planned far away. zigpy does less: it encodes and decodes the same two
frames, ZCL header and payload, and nothing else. Run it as ``python -m benchmarks.exchange``.
"""

import gc
from statistics import median
from time import perf_counter

from zigpy.zcl import foundation
from zigpy.zcl.clusters.general import Ota

from emulator.faults import DropFrame, Leg, Selector
from emulator.profiles.load import load, names
from emulator.units import HOUR
from emulator.wire import ota
from harness.bench import Bench
from harness.hub.images import served

ROUNDS = 5
EXCHANGES = 5_000
BLOCK = 40


def hanover() -> float:
    """Return the seconds of one exchange, over the middle of one long download."""
    bench = Bench(load(names()[0]))
    bench.start()
    bench.plan(DropFrame(at=Selector(leg=Leg.TO_DEVICE, number=1 << 40)))
    bench.hub.serve(served(bench.image(size=(EXCHANGES + 200) * BLOCK)))
    bench.notify()
    asked = bench.hub.counts

    def until(count: int) -> None:
        if not bench.run(lambda: asked.get(ota.ImageBlockRequest, 0) >= count, HOUR):
            raise RuntimeError(f"the bridge did not ask for {count} blocks")

    until(100)
    gc.collect()
    start = perf_counter()
    until(100 + EXCHANGES)
    return (perf_counter() - start) / EXCHANGES


REQUEST = Ota.ServerCommandDefs.image_block
RESPONSE = Ota.ClientCommandDefs.image_block_response
FROM_SERVER = foundation.Direction.Server_to_Client


def zigpy_once() -> None:
    """Encode and decode one request and its response."""
    header = foundation.ZCLHeader.cluster(tsn=1, command_id=REQUEST.id)
    request = REQUEST.schema(
        field_control=REQUEST.schema.FieldControl.MinimumBlockPeriod,
        manufacturer_code=0xFFF1,
        image_type=1,
        file_version=0x02000000,
        file_offset=4000,
        maximum_data_size=BLOCK,
        minimum_block_period=0,
    )
    _, rest = foundation.ZCLHeader.deserialize(header.serialize() + request.serialize())
    REQUEST.schema.deserialize(rest)
    header = foundation.ZCLHeader.cluster(tsn=1, command_id=RESPONSE.id, direction=FROM_SERVER)
    response = RESPONSE.schema(
        status=foundation.Status.SUCCESS,
        manufacturer_code=0xFFF1,
        image_type=1,
        file_version=0x02000000,
        file_offset=4000,
        image_data=b"x" * BLOCK,
    )
    _, rest = foundation.ZCLHeader.deserialize(header.serialize() + response.serialize())
    RESPONSE.schema.deserialize(rest)


def zigpy() -> float:
    """Return the seconds of zigpy's part of one exchange."""
    exchanges = EXCHANGES // 5
    start = perf_counter()
    for _ in range(exchanges):
        zigpy_once()
    return (perf_counter() - start) / exchanges


def main() -> None:
    """Print both rates and their ratio; the two take turns, so that both meet the same load."""
    hanover(), zigpy()  # to warm up
    rounds = [(1 / hanover(), 1 / zigpy()) for _ in range(ROUNDS)]
    for name, rates in zip(("hanover", "zigpy codec"), zip(*rounds, strict=True), strict=True):
        spread = f"{min(rates):,.0f} to {max(rates):,.0f}"
        print(f"{name:12} {median(rates):10,.0f} exchanges/s  ({spread})")
    print(f"ratio        {median(ours / theirs for ours, theirs in rounds):10.1f}")


if __name__ == "__main__":
    main()
