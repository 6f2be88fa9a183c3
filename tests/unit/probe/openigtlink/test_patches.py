"""Sub-volumes become frames once they are whole, and never before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from echonode.errors import ProtocolError
from echonode.probe.openigtlink.image import Image
from echonode.probe.openigtlink.patches import PatchAssembler

WHOLE = np.arange(48, dtype=np.uint8).reshape(1, 6, 8)


def patch(
    offset: tuple[int, int, int],
    size: tuple[int, int, int],
    of: NDArray[Any] = WHOLE,
) -> Image:
    """The part of `of` at `offset` (i, j, k)."""
    (i, j, k), (ni, nj, nk) = offset, size
    return Image(
        pixels=of[k : k + nk, j : j + nj, i : i + ni],
        size=(of.shape[2], of.shape[1], of.shape[0]),
        offset=offset,
        spacing_mm=(1.0, 1.0, 1.0),
        matrix=np.zeros((3, 4), dtype=np.float32),
        ras=True,
    )


UPPER, LOWER_LEFT, LOWER_RIGHT = (
    patch((0, 0, 0), (8, 3, 1)),
    patch((0, 3, 0), (4, 3, 1)),
    patch((4, 3, 0), (4, 3, 1)),
)


def test_patches_in_any_order_become_the_whole() -> None:
    """The frame comes with its last patch, pixel for pixel."""
    assembler = PatchAssembler()
    assert assembler.take(LOWER_RIGHT) is None
    assert assembler.take(UPPER) is None
    whole = assembler.take(LOWER_LEFT)
    assert whole is not None
    assert np.array_equal(whole, WHOLE)
    assert assembler.given_up == 0


def test_a_whole_volume_passes_through() -> None:
    """Most senders send no patches; their pixels are not copied."""
    whole = PatchAssembler().take(patch((0, 0, 0), (8, 6, 1)))
    assert whole is not None
    assert np.shares_memory(whole, WHOLE)


def test_a_patch_that_comes_again_begins_the_next_frame() -> None:
    """A patch was lost: its frame is given up and counted, never shown with a hole."""
    assembler = PatchAssembler()
    assembler.take(UPPER)
    assembler.take(UPPER)
    assert assembler.given_up == 1
    assembler.take(LOWER_LEFT)
    assert assembler.take(LOWER_RIGHT) is not None


def test_frames_do_not_share_their_memory() -> None:
    """A frame that was handed on stays as it was."""
    assembler = PatchAssembler()
    patches = (UPPER, LOWER_LEFT, LOWER_RIGHT)
    first = [assembler.take(one) for one in patches][-1]
    second = [assembler.take(one) for one in patches][-1]
    assert first is not None
    assert second is not None
    assert not np.shares_memory(first, second)


def test_a_change_of_size_or_type_begins_anew() -> None:
    """Patches of different volumes are never mixed."""
    assembler = PatchAssembler()
    assembler.take(UPPER)
    assembler.take(patch((0, 3, 0), (8, 3, 1), of=WHOLE.astype(np.uint16)))
    assembler.take(patch((0, 0, 0), (2, 2, 1), of=WHOLE[:, :4]))
    assembler.take(patch((0, 0, 0), (8, 6, 1)))
    assert assembler.given_up == 3


def test_a_volume_beyond_the_limit_is_refused_before_it_is_allocated() -> None:
    """One pixel of a volume of 65535 cubed."""
    image = Image(
        pixels=np.zeros((1, 1, 1), dtype=np.uint8),
        size=(65535, 65535, 65535),
        offset=(5, 5, 5),
        spacing_mm=(1.0, 1.0, 1.0),
        matrix=np.zeros((3, 4), dtype=np.float32),
        ras=True,
    )
    with pytest.raises(ProtocolError, match="too large"):
        PatchAssembler().take(image)
