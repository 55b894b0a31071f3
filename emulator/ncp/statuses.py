"""Name what can become of a command, once for all the numberings that EZSP has for it.

Up to version 13 a status is one octet, of one of two families: EmberStatus, what the stack says,
and EzspStatus, what the serial protocol says. From version 14 on it is ``sl_status_t``, of four
octets. The security manager's commands use that one in every version.

Source: UG100 (EZSP reference), status tables; Simplicity SDK, ``sl_status.h``.
"""

from enum import Enum, unique


@unique
class Status(Enum):
    """Be a status as handlers return it; its value is (EmberStatus, EzspStatus, sl_status_t).

    Where a family has no such status, the nearest that it has stands there.
    """

    OK = (0x00, 0x00, 0x00)
    FAIL = (0x01, 0x38, 0x01)
    INVALID_STATE = (0x70, 0x38, 0x02)
    NOT_AVAILABLE = (0xB5, 0x38, 0x0E)
    NETWORK_UP = (0x90, 0x38, 0x15)
    NETWORK_DOWN = (0x91, 0x38, 0x16)
    NOT_JOINED = (0x93, 0x38, 0x17)
    TABLE_FULL = (0xB4, 0x35, 0x1C)
    INVALID_PARAMETER = (0x02, 0x36, 0x21)
    INVALID_CONFIGURATION = (0xB7, 0x45, 0x23)
    INVALID_INDEX = (0xB1, 0x37, 0x27)
    NOT_FOUND = (0x03, 0x37, 0x2D)
    MESSAGE_TOO_LONG = (0x74, 0x40, 0x38)
    MAC_NO_DATA = (0x31, 0x38, 0x3F)
    MAC_NO_ACK_RECEIVED = (0x40, 0x38, 0x40)
    INCORRECT_SCAN_TYPE = (0x34, 0x36, 0x4E)
    INVALID_CHANNEL_MASK = (0x35, 0x36, 0x4F)
    BAD_SCAN_DURATION = (0x33, 0x36, 0x50)
    INVALID_CHANNEL = (0x8A, 0x36, 0x55)
    INVALID_POWER = (0x8B, 0x36, 0x56)
    DELIVERY_FAILED = (0x66, 0x38, 0xC02)
    MOVE_FAILED = (0x96, 0x38, 0xC06)
    SECURITY_STATE_NOT_SET = (0xA8, 0x48, 0xC0B)
    NETWORK_OPENED = (0x9C, 0x38, 0xC18)
    NETWORK_CLOSED = (0x9D, 0x38, 0xC19)
    JOIN_FAILED = (0x94, 0x38, 0x17)
    #: No configuration value, value, policy or token has this id.
    INVALID_ID = (0x02, 0x37, 0x21)
    # Why a frame is no command: the argument of invalidCommand, one number in every width.
    VERSION_NOT_SET = (0x70, 0x30, 0x30)
    INVALID_FRAME_ID = (0x70, 0x31, 0x31)
    WRONG_DIRECTION = (0x70, 0x32, 0x32)
    TRUNCATED = (0x70, 0x33, 0x33)
    COMMAND_TOO_LONG = (0x70, 0x40, 0x40)

    @property
    def ember(self) -> int:
        """Return the EmberStatus, one octet."""
        return self.value[0]

    @property
    def ezsp(self) -> int:
        """Return the EzspStatus, one octet."""
        return self.value[1]

    @property
    def sl(self) -> int:
        """Return the sl_status_t, four octets."""
        return self.value[2]
