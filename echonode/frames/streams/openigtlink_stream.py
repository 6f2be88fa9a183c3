"""One OpenIGTLink connection, from either end, to frames; the form is frames.stream.Conversation.

Rules
- The first thing sent is one GET_STATUS with header version 2: PLUS never sends metadata to a
  client that has not sent that version; clients ignore the question.
- IMAGE of one device are frames: of the one that is configured, else of the first whose image can
  be one. Only planes are (k = 1); a volume, or pixels of two components, are refused and counted.
- An IMAGE whose CRC, sizes or types are wrong is counted as a frame that was lost, in its place in
  the sequence, and the stream goes on. One whose body the end of the connection cuts is lost, too.
- TRACKEDFRAME of PLUS is an IMAGE with its fields in XML; the same holds of it.
- A time is the sender's: the metadata's Timestamp where there is one, else the header's; 0 means no
  time.
- TRANSFORM are kept, and each frame gets the nearest in time of each device, by the headers' times,
  which are of one clock; a metadata's Timestamp may be of another. The transforms in a frame's own
  metadata override them. The matrix of the IMAGE is a transform as well (image_pose.py).
- COMMAND may ask for a capture, a few at a time. STATUS is a keep-alive. VIDEO is refused. All else
  is counted, and passed over.
- A kind of refusal is logged once a connection.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from echonode.errors import ProtocolError
from echonode.frames.capture_request import CaptureAction, CaptureRequest, CaptureResult
from echonode.frames.imaging.image_pose import pose_of
from echonode.frames.imaging.plane_pictures import Developer, developer
from echonode.frames.picture_settings import Orientation
from echonode.frames.settings import StreamSettings
from echonode.frames.streams.stream import Pending, PendingCommand, PendingFrame, StreamCounts
from echonode.frames.streams.transform_track import TransformTrack
from echonode.log import get_logger
from echonode.probe.openigtlink.command import (
    Command,
    CommandResult,
    decode_command,
    encode_result,
)
from echonode.probe.openigtlink.device_metadata import DeviceMetadata, device_metadata
from echonode.probe.openigtlink.image import Image, decode_image
from echonode.probe.openigtlink.messages import Message, OpenIGTLinkDecoder, Refused, encode
from echonode.probe.openigtlink.patches import PatchAssembler
from echonode.probe.openigtlink.tracked_fields import (
    Matrix,
    decode_transform,
    timestamp_of,
    transforms_of,
)
from echonode.probe.openigtlink.tracked_frame import decode_tracked_frame
from echonode.probe.recordings.image_sequence import SequenceInfo

log = get_logger(__name__)

COMMANDS_AT_ONCE = 16
KINDS = 64
OUR_NAME = "EchoNode"
FRAME_TYPES = ("IMAGE", "TRACKEDFRAME")
_ACTIONS: Mapping[str, CaptureAction] = {action.value.lower(): action for action in CaptureAction}


class OpenIGTLinkStream:
    """settings.picture says what is taken and believed. kinds: messages by type, and refusals."""

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings
        self._decoder = OpenIGTLinkDecoder()
        self._patches = PatchAssembler()
        self._track = TransformTrack()
        self._device = settings.picture.device
        self._frames = self._incomplete = self._sequence = 0
        self._shape: object = None
        self._developer: Developer | None = None
        self._outgoing = bytearray()
        self._unanswered: deque[Command] = deque()
        self.kinds: Counter[str] = Counter()
        self._handlers: Mapping[str, Callable[[Message], Sequence[Pending]]] = {
            "IMAGE": self._image,
            "TRACKEDFRAME": self._tracked_frame,
            "TRANSFORM": self._transform,
            "COMMAND": self._command,
            "VIDEO": partial(self._refuse, reason="video is not taken; send IMAGE"),
            "VIDEOMETA": partial(self._refuse, reason="video is not taken; send IMAGE"),
        }

    @property
    def messages(self) -> Mapping[str, int]:
        return dict(self.kinds)

    @property
    def counts(self) -> StreamCounts:
        return StreamCounts(frames=self._frames, incomplete=self._incomplete)

    @property
    def failure(self) -> ProtocolError | None:
        return self._decoder.failure

    def greeting(self) -> bytes:
        return encode(Message(type="GET_STATUS", device=OUR_NAME, content=b"", header_version=2))

    def outgoing(self) -> bytes:
        """Answers to commands that are refused at once."""
        data, self._outgoing = bytes(self._outgoing), bytearray()
        return data

    def tick(self, elapsed_s: float) -> Sequence[Pending]:
        return ()

    def farewell(self) -> bytes:
        return b""

    def receive(self, data: bytes) -> Sequence[Pending]:
        """The frames and commands that `data` completes; ProtocolError where it has no headers."""
        found: list[Pending] = []
        for message in self._decoder.receive(data):
            self._count(message.type)
            if isinstance(message, Refused):
                self._damaged(message)
                continue
            if message.type in FRAME_TYPES and not self._is_ours(message.device):
                self._pass_over(f"{message.type} of another device")
                continue
            handler = self._handlers.get(message.type)
            if handler is not None:
                found += handler(message)
        return found

    def finish(self) -> Sequence[Pending]:
        """Nothing is kept back; a frame that is not whole is a loss, be it patches or a body."""
        if (cut := self._decoder.unfinished) is not None:
            self._damaged(cut)
        self._patches.give_up()
        self._count_given_up()
        log.debug("openigtlink_messages", kinds=dict(self.kinds))
        return ()

    # --- IMAGE ---

    def _image(self, message: Message) -> Sequence[Pending]:
        try:
            image = decode_image(message)
            if image is None:
                return self._pass_over("IMAGE without a body")
            pose = pose_of(image, self._settings.picture.orientation or Orientation.MF)
            return self._frame(message, image, pose, message.metadata)
        except ProtocolError as error:
            return self._refuse_a_frame(message, error)

    def _tracked_frame(self, message: Message) -> Sequence[Pending]:
        try:
            image, fields = decode_tracked_frame(message)
            return self._frame(message, image, {}, fields)
        except ProtocolError as error:
            return self._refuse_a_frame(message, error)

    def _frame(
        self,
        message: Message,
        image: Image,
        pose: Mapping[str, Matrix],
        fields: Mapping[str, str],
    ) -> Sequence[Pending]:
        """The frame that `image` completes, if any. Raises ProtocolError."""
        plane = self._plane(image)
        if plane is None:
            return ()
        develop = self._developer_for(plane, image, device_metadata(fields))
        self._device = message.device
        at = timestamp_of(fields)
        at = message.timestamp_s if at is None else at
        transforms = {**self._track.at(message.timestamp_s), **pose, **transforms_of(fields)}
        self._frames += 1
        self._sequence += 1
        return (
            PendingFrame(
                sequence=self._sequence - 1,
                develop=partial(develop, plane),
                source_timestamp_s=at,
                transforms=transforms,
            ),
        )

    def _plane(self, image: Image) -> NDArray[np.generic] | None:
        """The plane that `image` completes, (rows, columns[, components])."""
        if image.size[2] != 1:
            raise ProtocolError(f"IMAGE: a volume of {image.size[2]} slices is not a frame")
        volume = self._patches.take(image)
        self._count_given_up()
        return None if volume is None else volume[0]

    def _developer_for(
        self, plane: NDArray[np.generic], image: Image, device: DeviceMetadata
    ) -> Developer:
        """Made again only where the images change."""
        spacing_mm = image.spacing_mm[:2]
        shape = (plane.shape, plane.dtype, spacing_mm, image.is_skewed, device)
        if self._developer is None or shape != self._shape:
            info = SequenceInfo(
                name="IMAGE",
                frames=1,
                rows=plane.shape[0],
                columns=plane.shape[1],
                components=plane.shape[2] if plane.ndim == 3 else 1,
                kind=plane.dtype,
                spacing_mm=spacing_mm,
                is_skewed=image.is_skewed,
                device=device,
            )
            self._developer, self._shape = developer(info, self._settings), shape
        return self._developer

    def _is_ours(self, device: str) -> bool:
        return not self._device or device == self._device

    def _damaged(self, message: Refused) -> None:
        self._refuse(message, reason=message.reason)
        if message.type in FRAME_TYPES and self._is_ours(message.device):
            self._lose_a_frame()

    def _refuse_a_frame(self, message: Message, error: ProtocolError) -> Sequence[Pending]:
        self._lose_a_frame()
        return self._refuse(message, reason=str(error))

    def _lose_a_frame(self) -> None:
        self._incomplete += 1
        self._sequence += 1

    def _count_given_up(self) -> None:
        for _ in range(self._patches.given_up):
            self._lose_a_frame()
        self._patches.given_up = 0

    # --- the rest ---

    def _transform(self, message: Message) -> Sequence[Pending]:
        try:
            matrix = decode_transform(message.content)
        except ProtocolError as error:
            return self._refuse(message, reason=str(error))
        if not self._track.take(message.device, message.timestamp_s, matrix):
            return self._pass_over("TRANSFORM of too many devices")
        return ()

    def _command(self, message: Message) -> Sequence[Pending]:
        try:
            command = decode_command(message)
        except ProtocolError as error:
            return self._refuse(message, reason=str(error))
        try:
            if len(self._unanswered) >= COMMANDS_AT_ONCE:
                raise ProtocolError("COMMAND: too many at once")
            request = _request(command)
        except (ProtocolError, ValueError) as error:
            self._outgoing += encode_result(command, CommandResult(done=False, message=str(error)))
            return self._refuse(message, reason=str(error))
        self._unanswered.append(command)

        def answer(result: CaptureResult) -> bytes:
            self._unanswered.popleft()  # whichever: they are only counted
            return encode_result(command, _command_result(result))

        return (PendingCommand(request=request, answer=answer),)

    def _pass_over(self, what: str) -> Sequence[Pending]:
        self._count(what)
        return ()

    def _count(self, kind: str) -> None:
        """Types are the sender's to invent: so many of them have a count of their own."""
        self.kinds[kind if kind in self.kinds or len(self.kinds) < KINDS else "other"] += 1

    def _refuse(self, message: Message | Refused, *, reason: str) -> Sequence[Pending]:
        kind = f"{message.type} refused"
        if kind not in self.kinds and len(self.kinds) < KINDS:
            log.warning("message_refused", type=message.type, reason=reason)
        self._count(kind)
        return ()


def _request(command: Command) -> CaptureRequest:
    """What a command asks for. Raises ProtocolError, ValueError where it is nothing of ours."""
    action = _ACTIONS.get(command.name.lower())
    if action is None:
        known = ", ".join(member.value for member in CaptureAction)
        raise ProtocolError(f"no such command; there are {known}")
    if action is not CaptureAction.CAPTURE_CLIP:
        return CaptureRequest(action=action)
    parameters = command.parameters
    origin = parameters.get("from", "past").lower()
    if origin not in ("past", "now"):
        raise ProtocolError("From is past or now")
    try:
        seconds = float(parameters.get("seconds", ""))
    except ValueError:
        raise ProtocolError("Seconds must be a number") from None
    return CaptureRequest(action=action, seconds=seconds, past=origin == "past")


def _command_result(result: CaptureResult) -> CommandResult:
    values = [("SOPInstanceUID", uid) for uid in result.sop_instance_uids]
    if result.exam:
        values.insert(0, ("Exam", result.exam))
    return CommandResult(done=result.done, message=result.message, values=values)
