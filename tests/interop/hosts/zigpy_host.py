"""Be a host as ZHA is one: zigpy with bellows, on a stick named by path or ``socket://``.

It starts (forms or resumes), admits bridges, reads their versions, upgrades them with zigpy's own
OTA server from a folder of images, reads the versions back, and stops. Each step is one JSON line
on standard output; zigpy's log goes to standard error. Run it with ``--help`` for the options.
"""

import argparse
import asyncio
import json
import logging
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import zigpy.config as keys
from bellows.zigbee.application import ControllerApplication
from zigpy.config import CONF_OTA_ALLOW_ADVANCED_DIR_STRING as RISK
from zigpy.device import Device
from zigpy.ota.image import parse_ota_image
from zigpy.ota.manager import update_firmware
from zigpy.types import EUI64, ZigbeePacket
from zigpy.zcl import Cluster, ClusterType
from zigpy.zcl.clusters.general import Ota

#: How long a bridge may take to query after a notify.
QUERY_S = 60
#: Number of the ZCL command Report Attributes.
REPORT = b"\x0a"


def tell(event: str, **facts: object) -> None:
    """Print one event."""
    print(json.dumps({"event": event, **facts}), flush=True)


def cpu_s() -> float:
    """Return the seconds of processor time that this process took so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Bridges:
    """Collect the bridges whose interview ended; a listener of the application."""

    def __init__(self) -> None:
        """Begin with none."""
        self.ready: dict[EUI64, Device] = {}
        self.changed = asyncio.Event()

    def device_initialized(self, device: Device) -> None:
        """Take a bridge that answered everything."""
        if device.nwk == 0:
            return
        self.ready[device.ieee] = device
        self.changed.set()

    async def wait(self, number: int) -> None:
        """Return when there are as many as ``number``."""
        while len(self.ready) < number:
            self.changed.clear()
            await self.changed.wait()


class Application(ControllerApplication):
    """Be the host that bellows is, and count the attribute reports that reach it."""

    reports = 0
    counted: asyncio.Event | None = None
    wanted = 0

    def packet_received(self, packet: ZigbeePacket) -> None:
        """Count a report, and go on as always."""
        octets = packet.data.serialize()
        if packet.profile_id and octets[2:3] == REPORT:
            self.reports += 1
            if self.counted is not None and self.reports >= self.wanted:
                self.counted.set()
        super().packet_received(packet)


def settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return zigpy's configuration: nothing that it would ask the internet for."""
    providers = []
    if options.images is not None:
        providers = [{"type": "advanced", "path": str(options.images), "warning": RISK}]
    return {
        keys.CONF_DEVICE: {keys.CONF_DEVICE_PATH: options.port},
        keys.CONF_DATABASE: str(options.database),
        keys.CONF_NWK: {keys.CONF_NWK_CHANNEL: 15, keys.CONF_NWK_CHANNELS: [15]},
        keys.CONF_OTA: {
            keys.CONF_OTA_PROVIDERS: providers,
            keys.CONF_OTA_BROADCAST_ENABLED: False,
        },
        keys.CONF_TOPO_SCAN_ENABLED: False,
        "use_thread": options.thread,
    }


def ota_of(device: Device) -> Cluster:
    """Return the OTA cluster of which a bridge is the client."""
    return device.find_cluster(cluster_id=Ota.cluster_id, cluster_type=ClusterType.Client)


async def version_of(device: Device) -> int | None:
    """Read what version a bridge runs; None if it did not say."""
    name = Ota.AttributeDefs.current_file_version.name
    read, failed = await ota_of(device).read_attributes([name])
    return None if failed else int(read[name])


async def query_of(device: Device) -> Any:  # noqa: ANN401 - a class that zigpy makes at run time
    """Return the bridge's last query; notify it if there is none yet."""
    cluster = ota_of(device)
    if cluster.last_query_cmd is None:
        asked = asyncio.Event()
        forget = cluster.on_event("ota_query_cache_updated", lambda _: asked.set())
        await cluster.image_notify(payload_type=0, query_jitter=100)
        await asyncio.wait_for(asked.wait(), QUERY_S)
        forget()
    return cluster.last_query_cmd


async def upgrade(app: Application, device: Device) -> int | None:
    """Upgrade one bridge with the newest image for it, and return the version that it runs then."""
    name = str(device.ieee)
    found = await app.ota.get_ota_images(device, await query_of(device))
    if not found.upgrades:
        tell("no_image", eui64=name)
        return await version_of(device)
    shown = -1

    def progress(current: int, total: int, percent: float) -> None:
        nonlocal shown
        if int(percent) // 10 > shown:
            shown = int(percent) // 10
            tell("progress", eui64=name, octets=current, size=total)
        if current == total:
            tell("sent", eui64=name, cpu_s=cpu_s(), at_s=time.monotonic())

    tell("upgrading", eui64=name, cpu_s=cpu_s(), at_s=time.monotonic())
    status = await device.update_firmware(found.upgrades[0], progress_callback=progress)
    version = await version_of(app.get_device(device.ieee))
    tell("upgraded", eui64=name, status=getattr(status, "name", str(status)), version=version)
    return version


async def serve(app: Application, device: Device, file: Path) -> None:
    """Offer one image to a device again and again, as a user does who wants it upgraded.

    zigpy serves a device in a session that somebody begins; each ends by what the device says, or
    by zigpy's own clock. What zigpy does behind one (a pause, a new interview) is left out.
    """
    header = parse_ota_image(file.read_bytes())[0].header
    query = Ota.ServerCommandDefs.query_next_image.schema(
        field_control=1,
        manufacturer_code=header.manufacturer_id,
        image_type=header.image_type,
        current_file_version=1,
        hardware_version=header.minimum_hardware_version,
    )
    found = await app.ota.get_ota_images(device, query)
    device.ota_in_progress = True  # as zigpy has it while a session is open
    while True:
        tell("serving", eui64=str(device.ieee))
        status = await update_firmware(device, found.upgrades[0])
        tell("served", eui64=str(device.ieee), status=getattr(status, "name", str(status)))


async def run(options: argparse.Namespace) -> None:
    """Do what the options ask, from start to stop."""
    begun = time.monotonic()
    app = await Application.new(settings(options), start_radio=False)
    bridges = Bridges()
    app.add_listener(bridges)
    await app.startup(auto_form=True)
    network = app.state.network_info
    tell(
        "started",
        took_s=time.monotonic() - begun,
        pan_id=int(network.pan_id),
        channel=int(network.channel),
        version=app.state.node_info.version,
        known=len(app.devices) - 1,
    )
    try:
        for device in app.devices.values():
            if device.is_initialized:
                bridges.device_initialized(device)
        if len(bridges.ready) < options.bridges:
            for eui64, code in options.install_code:
                await app.permit_with_link_key(EUI64.convert(eui64), link_key(code), 60)
            if not options.install_code:
                await app.permit(options.permit)
            tell("permitted")
        await bridges.wait(options.bridges)
        for device in list(bridges.ready.values()):
            tell(
                "bridge",
                eui64=str(device.ieee),
                address=int(device.nwk),
                manufacturer=device.manufacturer,
                model=device.model,
                version=await version_of(device),
            )
        if options.serve is not None:
            (device,) = bridges.ready.values()
            await serve(app, device, options.serve)
        if options.images is not None:
            await asyncio.gather(*(upgrade(app, each) for each in list(bridges.ready.values())))
        if options.reports:
            app.counted, app.wanted = asyncio.Event(), options.reports
            tell("counting")
            await app.counted.wait()
            tell("reports", count=app.reports, at_s=time.monotonic())
        if options.stay:
            tell("staying", cpu_s=cpu_s())
            await asyncio.to_thread(sys.stdin.read)
    finally:
        await app.shutdown()
    tell("stopped", cpu_s=cpu_s())


def link_key(code: str) -> Any:  # noqa: ANN401 - a class that zigpy makes at run time
    """Return the key of an install code, as zigpy derives it."""
    from zigpy.util import convert_install_code

    key = convert_install_code(bytes.fromhex(code))
    if key is None:
        raise SystemExit(f"{code}: not an install code")
    return key


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="A zigpy host on an EZSP stick.")
    parser.add_argument("port", help="path of a serial port, or socket://HOST:PORT")
    parser.add_argument("--database", type=Path, required=True, help="zigpy's memory of devices")
    parser.add_argument("--bridges", type=int, default=1, help="how many to wait for")
    parser.add_argument("--permit", type=int, default=60, help="seconds to let bridges join")
    parser.add_argument("--serve", type=Path, help="offer this of --images until the end")
    parser.add_argument("--images", type=Path, help="folder of images: upgrade every bridge")
    parser.add_argument(
        "--install-code", nargs=2, action="append", default=[], metavar=("EUI64", "CODE")
    )
    parser.add_argument("--no-thread", dest="thread", action="store_false")
    parser.add_argument("--reports", type=int, default=0, help="wait for so many reports")
    parser.add_argument("--stay", action="store_true", help="stop when standard input ends")
    parser.add_argument("--debug", action="store_true", help="all of zigpy's log")
    options = parser.parse_args()
    logging.basicConfig(level=logging.DEBUG if options.debug else logging.WARNING)
    try:
        asyncio.run(run(options))
    except BaseException as error:
        tell("failed", error=f"{type(error).__name__}: {error}")
        logging.exception("the host ended")
        sys.stderr.flush()
        os._exit(1)  # bellows leaves its thread running where a port cannot be opened


if __name__ == "__main__":
    main()
