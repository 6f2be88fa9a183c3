"""echOpen dialect `epf` (E3, "EPF_protocol_v0.1.0", 2019): commands over TCP, lines over UDP.

Source: echOpen android-app, probe_communication/ (HEAD). The probe is an access point of its own,
192.168.4.1: it listens on TCP 50000, and sends its lines to UDP 51000 of the host that gave the
command.

Rules of the command channel
- All fields are big-endian int32. A request is [size][command][arguments], a reply [size][command]
  [error][duration us]; size counts 32-bit words, its own among them. The reply to STATUS adds
  [temperature, thousandths of a degree][battery %][state][last error].
- Error 0 is success; others are -1 to -13.

Rules of a datagram, which is one line
- u32 BE microseconds at the previous line | u32 BE previous calculation | u32 BE previous sending |
  u24 LITTLE-endian count of samples | u8 line from 1 | u8 channel | u8 frame | count int16 BE.
- The time is that of the line sent before this one; there is none for the last.
- 100 lines of 800 samples are 1618 bytes each: more than an Ethernet frame, so IP cuts them in two,
  and losing either half loses the line.

What the app does and we do not: it reads line and frame as signed bytes (and stops at frame 128),
shows a frame only if it follows the one shown before by one (a single lost frame ends the picture),
drops the first line of the stream, and checks no bounds.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from echonode.errors import ProtocolError
from echonode.probe.messages import DeviceStatus, Samples

COMMAND_PORT = 50000
LINE_PORT = 51000
WORD = 4
MAX_WORDS = 256  # the longest that is known has 8; GET_CONFIG's is not described
LINE_HEADER = struct.Struct(">III3sBBB")
MAX_DATAGRAM_SAMPLES = (65507 - LINE_HEADER.size) // 2  # the most a UDP datagram holds
_SAMPLE = np.dtype(">i2")


class Command(IntEnum):
    """What can be asked of the probe."""

    SCANNING = 1
    STATUS = 2
    GET_CONFIG = 3
    SET_CONFIG = 4
    POWER_OFF = 5
    STOP_SCANNING = 6
    TEST_PATTERN = 7
    STOP_TEST_PATTERN = 8
    DIAGNOSTIC = 9


class State(IntEnum):
    """The probe's own state machine."""

    POWER_OFF = 1
    OFF_LINE = 2
    STANDBY = 3
    START_SCAN = 4
    SCANNING = 5
    TEST_PATTERN = 6
    ERROR = 7


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer. error: 0 is success. rest: words that only some commands' replies have."""

    command: int
    error: int
    duration_us: int
    rest: tuple[int, ...] = ()

    @property
    def status(self) -> DeviceStatus | None:
        """What a reply to STATUS says; None for another, or for one that failed."""
        if self.command != Command.STATUS or self.error or len(self.rest) < 4:
            return None
        temperature, battery, state, last_error = self.rest[:4]
        known = {member.value: member.name.lower() for member in State}
        return DeviceStatus(
            state=known.get(state, f"state {state}"),
            battery_percent=battery if 0 <= battery <= 100 else None,
            temperature_c=temperature / 1000,
            last_error=last_error,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class LineDatagram:
    """One line. previous_us: the probe's clock at the line it sent before, modulo 2**32.

    frame: modulo 256. samples: (count,) int16, in native order, read-only.
    """

    previous_us: int
    frame: int
    number: int
    channel: int
    samples: Samples


def encode_request(command: Command, *arguments: int) -> bytes:
    """A request."""
    words = (2 + len(arguments), command, *arguments)
    return struct.pack(f">{len(words)}i", *words)


def encode_reply(reply: Reply) -> bytes:
    """A reply, as the probe sends it."""
    words = (4 + len(reply.rest), reply.command, reply.error, reply.duration_us, *reply.rest)
    return struct.pack(f">{len(words)}i", *words)


def encode_line(line: LineDatagram, *, calculation_us: int = 0, sending_us: int = 0) -> bytes:
    """A datagram, as the probe sends it."""
    header = LINE_HEADER.pack(
        line.previous_us,
        calculation_us,
        sending_us,
        len(line.samples).to_bytes(3, "little"),
        line.number,
        line.channel,
        line.frame,
    )
    return header + line.samples.astype(_SAMPLE).tobytes()


def parse_line(datagram: bytes) -> LineDatagram:
    """The line in a datagram. ProtocolError where it cannot be one."""
    if len(datagram) < LINE_HEADER.size:
        raise ProtocolError(f"a datagram of {len(datagram)} bytes holds no line")
    previous_us, _, _, count, number, channel, frame = LINE_HEADER.unpack_from(datagram)
    samples = int.from_bytes(count, "little")
    if samples < 2 or len(datagram) != LINE_HEADER.size + 2 * samples:
        raise ProtocolError(f"{len(datagram)} bytes are not a line of {samples} samples")
    if number == 0:
        raise ProtocolError("line number 0: lines count from 1")
    values = np.frombuffer(datagram, dtype=_SAMPLE, offset=LINE_HEADER.size).astype(np.int16)
    values.flags.writeable = False
    return LineDatagram(
        previous_us=previous_us, frame=frame, number=number, channel=channel, samples=values
    )


class WordReader:
    """Messages of the command channel out of its bytes: each a tuple of words without the size.

    After ProtocolError it is spent: each further call raises it again.
    """

    def __init__(self, *, least_words: int) -> None:
        self._least = least_words
        self._buffer = bytearray()
        self.failure: ProtocolError | None = None

    def receive(self, data: bytes) -> list[tuple[int, ...]]:
        """The messages that `data` completes; ProtocolError once all that was good is out."""
        messages: list[tuple[int, ...]] = []
        if self.failure is None:
            self._buffer += data
            try:
                while (message := self._next()) is not None:
                    messages.append(message)
            except ProtocolError as failure:
                self.failure = failure
                self._buffer.clear()
        if self.failure is not None and not messages:
            raise self.failure
        return messages

    def _next(self) -> tuple[int, ...] | None:
        """The message at the front of the buffer; None: not whole yet."""
        if len(self._buffer) < WORD:
            return None
        (size,) = struct.unpack_from(">i", self._buffer)
        if not self._least <= size <= MAX_WORDS:
            raise ProtocolError(f"{size} words are no message: it has {self._least}..{MAX_WORDS}")
        if len(self._buffer) < size * WORD:
            return None
        words = struct.unpack_from(f">{size - 1}i", self._buffer, WORD)
        del self._buffer[: size * WORD]
        return words


class ReplyReader:
    """Replies out of the bytes that the probe answers with."""

    def __init__(self) -> None:
        self._words = WordReader(least_words=4)

    @property
    def failure(self) -> ProtocolError | None:
        """What `receive` raises from now on."""
        return self._words.failure

    def receive(self, data: bytes) -> list[Reply]:
        """The replies that `data` completes; ProtocolError as WordReader."""
        return [
            Reply(command=words[0], error=words[1], duration_us=words[2], rest=words[3:])
            for words in self._words.receive(data)
        ]
