"""The matrix of an IMAGE goes with its picture, however that is turned."""

from __future__ import annotations

import numpy as np
import pyigtl
import pytest
from numpy.typing import NDArray

from echonode.frames.imaging.image_pose import pose_of
from echonode.frames.imaging.planes import turned_to_mf
from echonode.frames.picture_settings import Orientation, PictureSettings
from echonode.frames.settings import StreamSettings
from echonode.frames.streams.openigtlink_stream import OpenIGTLinkStream
from echonode.probe.openigtlink.image import Image, decode_image
from echonode.probe.openigtlink.messages import Message, OpenIGTLinkDecoder
from tests.unit.frames.igtl_messages import frames_of

ROWS, COLUMNS = 5, 8
PIXELS = np.arange(ROWS * COLUMNS, dtype=np.uint8).reshape(1, ROWS, COLUMNS)


def oblique() -> NDArray[np.float64]:
    """From column, row and slice to mm: 0.3 x 0.2 mm, turned about two axes, 100 mm away."""
    a, b = 0.4, -0.9
    turn_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    turn_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    matrix = np.eye(4)
    matrix[:3, :3] = turn_z @ turn_x @ np.diag([0.3, 0.2, 1.0])
    matrix[:3, 3] = (100.0, -20.0, 33.0)
    return matrix


def sent(matrix: NDArray[np.float64], space: str = "ras") -> bytes:
    """As pyigtl sends it, whose matrix leads from pixels to the world."""
    message = pyigtl.ImageMessage(
        PIXELS, ijk_to_world_matrix=matrix, world_coordinate_system=space, device_name="us"
    )
    return bytes(message.pack())


def image_of(data: bytes) -> Image:
    (message,) = OpenIGTLinkDecoder().receive(data)
    assert isinstance(message, Message)
    image = decode_image(message)
    assert image is not None
    return image


def pose(matrix: NDArray[np.float64], orientation: Orientation) -> NDArray[np.float64]:
    found = pose_of(image_of(sent(matrix)), orientation)
    assert set(found) == {"PixelToRAS"}
    return np.array(found["PixelToRAS"]).reshape(4, 4)


def test_the_matrix_is_the_senders() -> None:
    """From the centre of the first pixel on, though the message holds the picture's centre."""
    assert pose(oblique(), Orientation.MF) == pytest.approx(oblique(), abs=1e-5)


@pytest.mark.parametrize("orientation", ["MF", "MN", "UF", "UN"])
def test_each_pixel_stays_where_it_was_however_the_picture_is_turned(orientation: str) -> None:
    """The value at (row, column) of the picture lies where the sender's pixel of it lay."""
    way = Orientation(orientation)
    shown, turned = turned_to_mf(PIXELS[0], way), pose(oblique(), way)
    for row, column in np.ndindex(shown.shape):
        (was,) = np.argwhere(PIXELS[0] == shown[row, column])
        expected = oblique() @ (was[1], was[0], 0, 1)
        assert turned @ (column, row, 0, 1) == pytest.approx(expected, abs=1e-4)


def test_a_frame_carries_it() -> None:
    """By the configured orientation."""
    settings = StreamSettings(picture=PictureSettings(orientation=Orientation.UN))
    (frame,) = frames_of(OpenIGTLinkStream(settings), sent(oblique()))
    expected = pose(oblique(), Orientation.UN).ravel().tolist()
    assert frame.transforms == {"PixelToRAS": tuple(expected)}


def test_the_name_says_which_space_it_is() -> None:
    """Left and right are the other way round in LPS: no number tells the two apart."""
    assert set(pose_of(image_of(sent(oblique(), "lps")), Orientation.MF)) == {"PixelToLPS"}


def test_a_sender_that_knows_no_position_gives_none() -> None:
    """The unit matrix, about the first pixel or about the centre."""
    centred = np.eye(4)
    centred[:3, 3] = (-(COLUMNS - 1) / 2, -(ROWS - 1) / 2, 0)
    for matrix in (np.eye(4), centred):
        assert pose_of(image_of(sent(matrix)), Orientation.MF) == {}
    moved = np.eye(4)
    moved[0, 3] = 7.0
    assert pose(moved, Orientation.MF)[0, 3] == 7.0


def test_scan_lines_have_no_such_matrix() -> None:
    """The picture that is made of them has other pixels."""
    assert pose_of(image_of(sent(oblique())), Orientation.FM) == {}
