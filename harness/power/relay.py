"""Switch power by a USB relay of the LCUS kind: one channel, behind a serial port.

Four octets set it: 0xA0, the channel, the state, and the sum of these three. It answers nothing.
"""

from typing import Any

from emulator.errors import LinkError

#: Octets that close and open channel 1: the supply is on and off.
ON, OFF = bytes((0xA0, 0x01, 0x01, 0xA2)), bytes((0xA0, 0x01, 0x00, 0xA1))
BITS_PER_S = 9600


class RelaySwitch:
    """Set channel 1 of a relay; the port is opened when it is first set."""

    def __init__(self, port: str) -> None:
        self._port = port
        self._serial: Any = None  # pyserial has no types

    def set(self, on: bool) -> None:
        """Close or open the relay.

        Raises:
            LinkError: The port cannot be opened, or the octets do not go out.
        """
        try:
            import serial
        except ImportError:
            raise LinkError("power: found no pyserial, wanted it for relay:PORT") from None
        try:
            if self._serial is None:
                self._serial = serial.Serial(self._port, BITS_PER_S, timeout=1, write_timeout=1)
            self._serial.write(ON if on else OFF)
            self._serial.flush()
        except (serial.SerialException, OSError) as error:
            self.close()
            reason = getattr(error, "strerror", None) or str(error)
            raise LinkError(f"power: relay {self._port}: found {reason}, wanted a port") from None

    def close(self) -> None:
        """Close the port; the relay stays as it is."""
        if self._serial is not None:
            self._serial.close()
            self._serial = None
