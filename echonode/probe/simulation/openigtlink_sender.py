"""An OpenIGTLink sender on the wire: sends images as PLUS does, to test with and to show.

Rules (PlusToolkit/PlusLib, vtkPlusOpenIGTLinkServer.cxx)
- It listens, and serves several receivers; or it connects out, to one that listens.
- Messages have header version 1, without metadata, until the receiver has sent version 2 once.
- Each image is preceded by a TRANSFORM for each tracked device that is seen. GET_STATUS is answered
  by STATUS.
- What receivers send is read all the time, so that neither end waits for the other.
- Here, other than there, the images pause while no client is connected, and the end of the
  recording ends every connection.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from echonode.errors import EchoNodeError, ProtocolError
from echonode.log import get_logger
from echonode.probe.openigtlink.image import encode_image
from echonode.probe.openigtlink.messages import Message, OpenIGTLinkDecoder, encode
from echonode.probe.openigtlink.tracked_fields import Matrix, encode_transform
from echonode.probe.pace import Pace

log = get_logger(__name__)

MAX_CLIENTS = 5
# PLUS gives up a receiver after 0.5 s and ten tries; so long, the others wait for it.
CLIENT_TIMEOUT_S = 5.0
STEP_S = 1 / 20.0  # between images without times
IDENTITY: Matrix = tuple(np.eye(4).ravel().tolist())  # what PLUS writes for an invalid transform
OK_STATUS = struct.pack(">HQ20s", 1, 0, b"") + b"OK\0"  # code, subcode, error name, message


@dataclass(frozen=True, kw_only=True, eq=False)
class OutgoingImage:
    """An image to send. pixels: (rows, columns) or (rows, columns, components)."""

    pixels: NDArray[np.generic]
    timestamp_s: float | None = None
    spacing_mm: tuple[float, float] = (1.0, 1.0)  # as all send who have none
    transforms: Mapping[str, Matrix | None] = field(default_factory=lambda: MappingProxyType({}))


Images = Callable[[], Iterator[OutgoingImage]]


class OpenIGTLinkSender:
    """Sends `images` in order, at their times or at `fps`; 0 is as fast as they are taken.

    connect: to host:port instead of listening there. frames: so many, then close; None sends the
    recording once, or without end where `loop`.
    """

    def __init__(
        self,
        images: Images,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        connect: bool = False,
        device: str = "Image_Reference",
        fps: float | None = None,
        frames: int | None = None,
        loop: bool = False,
    ) -> None:
        if (fps is not None and fps < 0) or (frames is not None and frames < 1):
            raise ValueError("fps is not negative; frames are at least 1")
        self._images, self._device, self._fps = images, device, fps
        self._count, self._loop = frames, loop or frames is not None
        self._listener = None if connect else socket.create_server((host, port))
        self._address = (host, port)
        self._clients: list[_Client] = []
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self.sent = 0
        self.finished = threading.Event()
        meet = self._connect if connect else self._accept
        self._threads = [
            threading.Thread(target=meet, name="openigtlink-sender-meet", daemon=True),
            threading.Thread(target=self._run, name="openigtlink-sender", daemon=True),
        ]

    @property
    def address(self) -> tuple[str, int]:
        """(host, port) where it listens, or of the receiver."""
        if self._listener is None:
            return self._address
        host, port = self._listener.getsockname()[:2]
        return str(host), int(port)

    @property
    def received(self) -> tuple[Message, ...]:
        """The latest messages of all receivers."""
        with self._changed:
            return tuple(message for client in self._clients for message in client.received)

    def send(self, data: bytes) -> None:
        """Send `data`, whole messages, to every receiver."""
        with self._changed:
            clients = tuple(self._clients)
        for client in clients:
            client.send(data)

    def start(self) -> None:
        """Begin to meet receivers."""
        for thread in self._threads:
            thread.start()

    def stop(self, deadline_s: float = 5.0) -> None:
        """Cut every connection."""
        self._stopping.set()
        self._close()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(deadline_s)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _accept(self) -> None:
        assert self._listener is not None
        while not self._stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return  # the listener was closed
            self._welcome(sock)

    def _connect(self) -> None:
        """To the receiver, again and again while it is not there."""
        while not self._stopping.is_set() and not self.finished.is_set():
            with self._changed:
                connected = any(client.alive for client in self._clients)
            if not connected:
                with suppress(OSError):
                    self._welcome(socket.create_connection(self._address, 1.0))
            self._stopping.wait(0.1)

    def _welcome(self, sock: socket.socket) -> None:
        with self._changed:
            self._clients = [client for client in self._clients if client.alive]
            if len(self._clients) >= MAX_CLIENTS or self._stopping.is_set():
                sock.close()
                return
            self._clients.append(_Client(sock, self._device))
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            self._send_images()
        except _Stopped:
            pass
        except (EchoNodeError, OSError) as error:
            log.error("sender_stopped", reason=str(error))
        except Exception:  # the thread's top
            log.exception("sender_fault")
        finally:
            self._close()
            self.finished.set()

    def _send_images(self) -> None:
        pace = Pace(self._fps or None, STEP_S)
        began = time.monotonic()
        while True:
            for image in self._images():
                began += self._rest()
                due = began + pace.due_s(image.timestamp_s)
                if self._fps != 0 and self._stopping.wait(max(0.0, due - time.monotonic())):
                    raise _Stopped
                for client in self._audience():
                    client.show(image, self._device, self.sent)
                self.sent += 1
                if self.sent == self._count:
                    return
            if not self._loop:
                return

    def _audience(self) -> tuple[_Client, ...]:
        with self._changed:
            return tuple(client for client in self._clients if client.alive)

    def _rest(self) -> float:
        """Wait until a client is connected; how long that took."""
        since = time.monotonic()
        while not self._audience():
            with self._changed:
                self._changed.wait(0.1)
            if self._stopping.is_set():
                raise _Stopped
        return time.monotonic() - since

    def _close(self) -> None:
        if self._listener is not None:
            with suppress(OSError):  # already down
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
            self._listener.close()
        with self._changed:
            self._changed.notify_all()
            for client in self._clients:
                client.close()


class _Stopped(EchoNodeError):
    """stop() was called."""


class _Client:
    """One receiver: what it sends is read on a thread of its own."""

    def __init__(self, sock: socket.socket, device: str) -> None:
        self._sock, self._device = sock, device
        self._version = 1
        self._lock = threading.Lock()  # messages go out whole
        self.received: deque[Message] = deque(maxlen=100)
        self.alive = True
        sock.settimeout(CLIENT_TIMEOUT_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=self._listen, name="openigtlink-receiver", daemon=True).start()

    def show(self, image: OutgoingImage, device: str, number: int) -> None:
        """Send the image with what belongs to it."""
        pixels = image.pixels[np.newaxis]
        spacing_mm = (*image.spacing_mm, 1.0)
        fields = {"FrameNumber": str(number)}
        if image.timestamp_s is not None:
            fields["Timestamp"] = repr(image.timestamp_s)
        for name, matrix in image.transforms.items():
            fields[f"{name}Transform"] = " ".join(map(repr, matrix or IDENTITY))
            fields[f"{name}TransformStatus"] = "INVALID" if matrix is None else "OK"
            if matrix is None:  # there is no message for it
                continue
            self._message("TRANSFORM", name, encode_transform(matrix), image.timestamp_s)
        content = encode_image(pixels, spacing_mm=spacing_mm)
        self._message("IMAGE", device, content, image.timestamp_s, fields)

    def send(self, data: bytes) -> None:
        """Send, or be gone."""
        try:
            with self._lock:
                self._sock.sendall(data)
        except OSError:
            self.close()

    def close(self) -> None:
        """Hang up."""
        self.alive = False
        with suppress(OSError):  # the receiver was quicker
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def _message(
        self,
        kind: str,
        device: str,
        content: bytes,
        timestamp_s: float | None = None,
        fields: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        message = Message(type=kind, device=device, content=content, timestamp_s=timestamp_s)
        if self._version > 1:
            message = replace(message, header_version=2, metadata=fields)
        self.send(encode(message))

    def _listen(self) -> None:
        decoder = OpenIGTLinkDecoder()
        while self.alive:
            try:
                data = self._sock.recv(65536)
                messages = decoder.receive(data)
            except TimeoutError:
                continue  # most receivers never say anything
            except (OSError, ProtocolError):
                break
            if not data:
                break
            for message in messages:
                if isinstance(message, Message):
                    self._hear(message)
        self.close()

    def _hear(self, message: Message) -> None:
        self._version = max(self._version, min(message.header_version, 2))
        self.received.append(message)
        if message.type == "GET_STATUS":
            self._message("STATUS", self._device, OK_STATUS)
