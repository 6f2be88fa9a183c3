"""Images whose pixels compress as an ultrasound image's do, for archives that are choosy."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.peers.instances import InstanceKind, build_dataset

STILL = InstanceKind(name="still", columns=160, rows=121)
COLOUR = InstanceKind(name="colour", columns=161, rows=120, samples=3)
CINE = InstanceKind(name="cine", columns=160, rows=121, frames=5)
COLOUR_CINE = InstanceKind(name="colour cine", columns=160, rows=120, samples=3, frames=3)
KINDS = (STILL, COLOUR, CINE, COLOUR_CINE)


def picture(kind: InstanceKind, folder: Path) -> Path:
    """A valid instance whose pixels are smooth as an image's, with speckle, in every frame."""
    dataset = build_dataset(kind)
    y, x = np.mgrid[0 : kind.rows, 0 : kind.columns]
    noise = np.random.default_rng(3).integers(0, 8, (kind.frames, kind.rows, kind.columns))
    grey = 60 + 0.4 * x + 0.3 * y + noise + 2 * np.arange(kind.frames)[:, None, None]
    planes = [grey, grey * 0.9 + 5, grey * 0.6 + 40][: kind.samples]
    pixels = np.stack(planes, axis=-1).clip(0, 255).astype(np.uint8).tobytes()
    dataset.PixelData = pixels + b"\x00" * (len(pixels) % 2)
    if kind.samples == 3:
        dataset.UltrasoundColorDataPresent = 1
    path = folder / f"{kind.name.replace(' ', '_')}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path
