"""What an OpenIGTLink sender sends becomes frames; what it should not send costs no frame more."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from echonode.errors import ProtocolError
from echonode.frames.capture_request import CaptureAction, CaptureResult
from echonode.frames.picture_settings import BurnedIn, ColourOrder, Orientation, PictureSettings
from echonode.frames.settings import StreamSettings
from echonode.frames.streams.openigtlink_stream import COMMANDS_AT_ONCE, KINDS, OpenIGTLinkStream
from echonode.probe.openigtlink.command import Command, decode_command, encode_command
from echonode.probe.openigtlink.messages import HEADER, Message, OpenIGTLinkDecoder
from echonode.probe.openigtlink.tracked_fields import encode_transform
from tests.unit.frames.igtl_messages import (
    GREY,
    commands_of,
    frames_of,
    image,
    message,
    patch,
    pixels_of,
)

MATRIX = (1.0, 0.0, 0.0, 5.0, 0.0, 1.0, 0.0, 6.0, 0.0, 0.0, 1.0, 7.0, 0.0, 0.0, 0.0, 1.0)


def stream(**said: object) -> OpenIGTLinkStream:
    return OpenIGTLinkStream(StreamSettings(picture=PictureSettings(**said)))  # type: ignore[arg-type]


def answers(data: bytes) -> list[Message]:
    return [m for m in OpenIGTLinkDecoder().receive(data) if isinstance(m, Message)]


def test_the_first_word_asks_for_metadata() -> None:
    """One GET_STATUS with header version 2: without it PLUS never sends any."""
    (greeting,) = answers(stream().greeting())
    assert (greeting.type, greeting.header_version) == ("GET_STATUS", 2)


def test_an_image_is_a_frame_however_it_is_cut() -> None:
    """Whole, byte by byte and with a tail."""
    raw = image()
    whole = pixels_of(frames_of(stream(), raw + raw[:50]))
    one = stream()
    pieces = [frame for byte in raw for frame in frames_of(one, bytes([byte]))]
    assert np.array_equal(whole, [GREY[0]])
    assert np.array_equal(pixels_of(pieces), whole)


def test_spacing_is_believed_only_of_calibrated_senders() -> None:
    """Else there is no calibration at all; never one of 1.0 mm."""

    def calibration(spacing: tuple[float, float, float], **said: object) -> object:
        (frame,) = frames_of(stream(**said), image(spacing_mm=spacing))
        return frame.develop().calibration

    assert calibration((0.2, 0.1, 1.0)) is None
    assert calibration((1.0, 1.0, 1.0), calibrated=True) is None
    known = calibration((0.2, 0.1, 1.0), calibrated=True)
    assert known is not None
    assert known.physical_delta_x_cm == pytest.approx(0.02)  # type: ignore[attr-defined]
    operators = calibration((9.0, 9.0, 9.0), spacing_mm=(0.5, 0.4))
    assert operators.physical_delta_y_cm == pytest.approx(0.04)  # type: ignore[attr-defined]


def test_colour_and_orientation_are_the_operators_to_say() -> None:
    """The Clarius bridge sends B, G, R, A; another sender holds its image upside down."""
    pixels = np.zeros((1, 2, 1, 4), dtype=np.uint8)
    pixels[0, 0, 0] = (1, 2, 3, 255)
    (frame,) = frames_of(
        stream(colour_order=ColourOrder.BGRA, orientation=Orientation.MN), image(pixels)
    )
    assert frame.develop().pixels.tolist() == [[[0, 0, 0]], [[3, 2, 1]]]


def test_the_first_device_with_a_picture_is_the_stream() -> None:
    """Others are counted; a volume of another device before it does not make it the one."""
    one = stream()
    data = image(np.zeros((2, 3, 4), dtype=np.uint8), device="Volume")
    data += image(device="A") + image(device="B") + image(device="A")
    assert len(frames_of(one, data)) == 2
    assert one.kinds["IMAGE of another device"] == 1


def test_the_configured_device_is_the_stream() -> None:
    """The one that comes first."""
    one = stream(device="B")
    assert len(frames_of(one, image(device="A") + image(device="B"))) == 1


def test_times_are_the_senders() -> None:
    """Metadata above the header's; a header's 0 is no time."""

    def time(**more: object) -> float | None:
        (frame,) = frames_of(stream(), image(**more))  # type: ignore[arg-type]
        return frame.source_timestamp_s

    assert time() is None
    assert time(timestamp_s=12.5) == 12.5
    metadata = {"Timestamp": "232.542071"}
    assert time(timestamp_s=12.5, header_version=2, metadata=metadata) == 232.542071


def test_transforms_go_with_the_frame_that_is_nearest_in_time() -> None:
    """As messages of their own, or in the image's metadata, which overrides them."""
    near = message("TRANSFORM", encode_transform(MATRIX), device="ProbeToTracker", timestamp_s=10.9)
    far = message(
        "TRANSFORM", encode_transform((2.0, *MATRIX[1:])), device="ProbeToTracker", timestamp_s=20.0
    )
    (frame,) = frames_of(stream(), near + far + image(timestamp_s=11.0))
    assert frame.transforms["ProbeToTracker"] == MATRIX
    plus = {"Timestamp": "232.5"}  # PLUS counts from its start there, and by the epoch in headers
    raw = image(timestamp_s=11.0, header_version=2, metadata=plus)
    (frame,) = frames_of(stream(), near + far + raw)
    assert frame.transforms["ProbeToTracker"] == MATRIX
    (frame,) = frames_of(stream(), near + far + image(timestamp_s=15.0))
    assert "ProbeToTracker" not in frame.transforms
    own = {"ProbeToTrackerTransform": " ".join(map(str, (3.0, *MATRIX[1:])))}
    (frame,) = frames_of(stream(), near + image(header_version=2, metadata=own))
    assert (frame.transforms["ProbeToTracker"] or ())[0] == 3.0
    lost = own | {"ProbeToTrackerTransformStatus": "INVALID"}
    (frame,) = frames_of(stream(), near + image(header_version=2, metadata=lost))
    assert frame.transforms["ProbeToTracker"] is None


def test_a_damaged_image_is_a_lost_frame_in_its_place() -> None:
    """Counted as a frame that was dropped; the next one keeps its number."""
    one, bad = stream(), bytearray(image())
    bad[-1] ^= 1
    frames = frames_of(one, image() + bytes(bad) + image())
    assert [frame.sequence for frame in frames] == [0, 2]
    assert (one.counts.frames, one.counts.incomplete) == (2, 1)


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((2, 3, 4), dtype=np.uint8), np.zeros((1, 3, 4, 2), dtype=np.uint8)],
    ids=["volume", "two components"],
)
def test_what_is_no_picture_is_refused(pixels: NDArray[np.uint8]) -> None:
    """A volume or an odd number of components: refused, counted, and the next image comes."""
    one = stream()
    assert len(frames_of(one, image(pixels) + image())) == 1
    assert one.counts.incomplete == 1
    assert one.kinds["IMAGE refused"] == 1


def test_an_empty_image_is_nothing() -> None:
    """Brainlab sends it while nothing is on its screen: no frame, no loss."""
    one = stream()
    assert len(frames_of(one, message("IMAGE") + image())) == 1
    assert one.counts.incomplete == 0


def test_patches_become_one_frame_and_half_a_frame_is_a_loss() -> None:
    """Sub-volumes are put together; what never became whole is counted."""
    one = stream()
    upper, lower = patch((0, 0), 2), patch((0, 2), 1)
    frames = frames_of(one, upper + lower + upper + upper + lower + upper)
    assert np.array_equal(pixels_of(frames), [GREY[0], GREY[0]])
    assert [frame.sequence for frame in frames] == [0, 2]
    one.finish()
    assert one.counts.incomplete == 2


def test_a_change_of_size_is_developed_as_it_is() -> None:
    """Depth or zoom changed: the next frame has its own size."""
    frames = frames_of(stream(), image() + image(GREY[:, :2]) + image())
    assert [p.shape for p in pixels_of(frames)] == [(3, 4), (2, 4), (3, 4)]


def test_all_other_messages_cost_nothing() -> None:
    """STATUS, POSITION, VIDEO and types that a sender invents: counted, within bounds."""
    one = stream()
    data = b"".join(message(kind) for kind in ("STATUS", "POSITION", "VIDEO", "VIDEO", "NDARRAY"))
    data += b"".join(message(f"TYPE{number}") for number in range(200))
    assert frames_of(one, data + image()) != []
    assert one.kinds["VIDEO refused"] == 2
    assert one.kinds["POSITION"] == 1
    assert len(one.kinds) <= KINDS + 1


def test_bytes_that_are_no_messages_end_the_connection() -> None:
    """Without a header nothing can be found again: the link starts again."""
    with pytest.raises(ProtocolError):
        stream().receive(b"\xff" * HEADER.size)


def command(name: str, text: str = "", *, number: int = 1) -> bytes:
    return encode_command(Command(command_id=number, name=name, text=text, device="Bridge"))


def test_commands_keep_their_place_among_the_frames() -> None:
    """A capture is of what came before it."""
    found = stream().receive(image() + command("CaptureStill") + image())
    assert [type(one).__name__ for one in found] == [
        "PendingFrame",
        "PendingCommand",
        "PendingFrame",
    ]


def test_a_command_says_what_it_wants_and_gets_its_answer() -> None:
    """CaptureClip with its seconds; the answer has the UIDs, and comes when asked for."""
    one = stream()
    (asked,) = commands_of(one, command("CaptureClip", '<Command Seconds="2.5" From="now"/>'))
    assert asked.request.action is CaptureAction.CAPTURE_CLIP
    assert (asked.request.seconds, asked.request.past) == (2.5, False)
    assert one.outgoing() == b""
    done = CaptureResult(done=True, exam="e-1", sop_instance_uids=("1.2", "1.3"))
    (answer,) = answers(asked.answer(done))
    assert (answer.type, answer.device) == ("RTS_COMMAND", "Bridge")
    assert "<SOPInstanceUID>1.3</SOPInstanceUID>" in decode_command(answer).text


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("Reboot", "", "no such command"),
        ("CaptureClip", "", "Seconds"),
        ("CaptureClip", '<Command Seconds="-1"/>', "more than 0"),
        ("CaptureClip", '<Command Seconds="1e9"/>', "at most 600"),
        ("CaptureClip", '<Command Seconds="nan"/>', "more than 0"),
        ("CaptureClip", '<Command Seconds="1" From="soon"/>', "past or now"),
        ("CaptureClip", "<Command", "not XML"),
    ],
)
def test_a_command_that_cannot_be_is_answered_at_once(name: str, text: str, words: str) -> None:
    """The sender learns why; nothing is captured."""
    one = stream()
    assert commands_of(one, command(name, text)) == []
    (answer,) = answers(one.outgoing())
    assert answer.metadata["Status"] == "FAIL"
    assert words in answer.metadata["Message"]
    assert one.outgoing() == b""


def test_a_flood_of_commands_is_bounded() -> None:
    """So many wait at once; the others are refused, until some have been answered."""
    one = stream()
    asked = commands_of(one, command("CaptureStill") * 100)
    assert len(asked) == COMMANDS_AT_ONCE
    assert len(answers(one.outgoing())) == 100 - COMMANDS_AT_ONCE
    asked[0].answer(CaptureResult(done=True))
    assert len(commands_of(one, command("CaptureStill") * 2)) == 1


def test_a_scanner_that_says_its_spacing_is_believed_by_the_same_rule() -> None:
    """Of a sender without an image calibration (1 x 1 mm), where the operator says so."""
    said = {"SpacingX": "0.12", "SpacingY": "0.12", "DepthMm": "60", "FrequencyMhz": "7.5"}
    raw = image(spacing_mm=(1.0, 1.0, 1.0), header_version=2, metadata=said)
    (plain,) = frames_of(stream(), raw)
    picture = plain.develop()
    assert picture.calibration is None
    assert picture.facts.depth_mm == 60
    (trusted,) = frames_of(stream(calibrated=True), raw)
    known = trusted.develop().calibration
    assert known is not None
    assert known.physical_delta_x_cm == known.physical_delta_y_cm == pytest.approx(0.012)
    assert known.transducer_frequency_khz == 7500
    (measured,) = frames_of(
        stream(calibrated=True), image(spacing_mm=(0.2, 0.1, 1.0), header_version=2, metadata=said)
    )
    own = measured.develop().calibration
    assert own is not None
    assert own.physical_delta_x_cm == pytest.approx(0.02)  # the image's own stands above


@pytest.mark.parametrize(
    ("said", "burned_in"),
    [(None, None), (BurnedIn.YES, True), (BurnedIn.NO, False), (BurnedIn.UNKNOWN, None)],
)
def test_whether_text_is_in_the_image_is_the_operators_to_say(
    said: BurnedIn | None, burned_in: bool | None
) -> None:
    """A frame grabber's screen may show a name: nothing is said of it by default."""
    (frame,) = frames_of(stream(burned_in=said), image())
    assert frame.develop().facts.burned_in is burned_in
