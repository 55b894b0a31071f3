"""Be a stick of another EZSP version than any that we know: as 13 does, but for what it says."""

import argparse
import asyncio
import json
from typing import Any

from emulator.ncp.ezsp import Dialect, Request
from emulator.ncp.radio import StickSpec, VirtualRadio
from emulator.ncp.serve import Listeners, Server, serve
from emulator.ncp.tcp import TcpLine


class Old(Dialect):
    """Say another version, and agree to it."""

    told: int

    def decode(self, payload: bytes) -> Request:
        """Read a command; whoever asks for a version gets it."""
        request = super().decode(payload)
        self.negotiated = True
        return request

    def response(self, request: Request, /, **values: Any) -> bytes:  # noqa: ANN401
        """Return the answer to a command."""
        if request.name == "version":
            values["version"] = self.told
        return super().response(request, **values)


async def run(version: int) -> None:
    """Serve on a free TCP port until a signal ends it."""
    made = VirtualRadio([StickSpec(name="old")], [], log=lambda _: None)
    made.sticks["old"].dialect = Old(13)
    made.sticks["old"].dialect.told = version
    line = TcpLine("127.0.0.1", 0)
    server = Server(made, {"old": line}, Listeners(visit=lambda *_: None))

    def ready() -> None:
        print(json.dumps({"event": "listening", "listen": line.where}), flush=True)

    await serve(server, ready)


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description="A stick of a version that nobody knows.")
    parser.add_argument("version", type=int, help="of EZSP")
    asyncio.run(run(parser.parse_args().version))


if __name__ == "__main__":
    main()
