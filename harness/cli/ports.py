"""List the serial ports of this machine, and what answers there: ``hanover ports``."""

import json
from dataclasses import asdict, dataclass

import click

#: Longest that a stick may take to answer, in seconds.
_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """Be one serial port; ``answers`` is what a radio said, empty: nothing, None: not asked."""

    device: str
    make: str
    product: str
    vid: int | None
    pid: int | None
    serial: str
    answers: str | None = None


@click.command()
@click.option("--probe", is_flag=True, help="Ask each port whether an EZSP radio is there.")
@click.option("--all", "every", is_flag=True, help="Ports without a USB device too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def ports(probe: bool, every: bool, as_json: bool) -> None:
    """List serial ports: where they are, what make, and with --probe what answers.

    Exits with 2 if there is none.
    """
    found = find_ports(every=every)
    if probe:
        found = [_asked(port) for port in found]
    if as_json:
        click.echo(json.dumps({"ports": [asdict(port) for port in found]}, indent=2))
    else:
        for port in found:
            click.echo(_line(port))
    if not found:
        more = "" if every else " with a USB device (--all shows the others)"
        click.echo(f"hanover: there is no serial port{more}", err=True)
        raise SystemExit(2)


def find_ports(*, every: bool) -> list[Port]:
    """Return the serial ports, by name; those without a USB device only where wanted.

    Raises:
        LinkError: pyserial is not installed.
    """
    from emulator.errors import LinkError

    try:
        from serial.tools import list_ports
    except ImportError:
        raise LinkError("ports: found no pyserial, wanted it (hanover[radio])") from None
    return [
        Port(
            device=one.device,
            make=one.manufacturer or "",
            product=one.product or ("" if one.description == "n/a" else one.description or ""),
            vid=one.vid,
            pid=one.pid,
            serial=one.serial_number or "",
        )
        for one in sorted(list_ports.comports(), key=lambda each: each.device)
        if every or one.vid is not None
    ]


def _asked(port: Port) -> Port:
    """Return a port with what answers there."""
    from dataclasses import replace

    from harness.lanes.greeting import ask_radio

    return replace(port, answers=ask_radio(port.device, _PATIENCE_S))


def _line(port: Port) -> str:
    ids = "" if port.vid is None or port.pid is None else f"{port.vid:04x}:{port.pid:04x}"
    words = [port.device, ids, port.make, port.product, port.serial]
    if port.answers is not None:
        words.append(port.answers or "no answer")
    return "  ".join(word for word in words if word)
