"""RF or envelope: told by the samples, since the header's `mode` byte is known to lie.

Rules, decided on a whole sweep, in this order:
1. An envelope is a magnitude. Where one sample in a thousand is negative, it is RF.
2. A sweep without any spread says nothing (None): ask the next one.
3. A magnitude comes down to zero between echoes. Where the lowest half percent still lies above a
   third of the mean, that mean is a converter's offset, and it is RF: this recognises RF noise.
4. RF swings to both sides of its offset alike. A magnitude does not: noise is Rayleigh distributed,
   echoes reach far up, and nothing reaches down. The measure is where the mean lies between the
   outermost half percents: in the middle for RF, low for an envelope. Rayleigh noise has 0.27; the
   border is ASYMMETRY_BORDER.

Measured on real recordings; tests/unit/frames/imaging/test_sample_content.py holds the margins.
"""

from __future__ import annotations

import numpy as np

from echonode.probe.messages import SampleContent, Samples

NEGATIVE_SHARE = 1e-3
OFFSET_SHARE = 1 / 3
ASYMMETRY_BORDER = 0.12
_OUTERMOST_PERCENT = (0.5, 99.5)


def proves_rf(samples: Samples) -> bool:
    """Whether there are negative values enough that this cannot be an envelope."""
    return bool(np.count_nonzero(samples < 0) >= NEGATIVE_SHARE * samples.size)


def asymmetry(samples: Samples) -> float | None:
    """-1..1: how much further the samples reach above their mean than below; None: no spread."""
    low, high = np.percentile(samples, _OUTERMOST_PERCENT)
    if high == low:
        return None
    return float((high + low - 2 * samples.mean()) / (high - low))


def detect_content(samples: Samples) -> SampleContent | None:
    """What a sweep's samples are, by the rules above; None where they do not say."""
    if proves_rf(samples):
        return SampleContent.RF
    measure = asymmetry(samples)
    if measure is None:
        return None
    lowest = float(np.percentile(samples, _OUTERMOST_PERCENT[0]))
    stands_on_an_offset = lowest > OFFSET_SHARE * float(samples.mean())
    if stands_on_an_offset or measure < ASYMMETRY_BORDER:
        return SampleContent.RF
    return SampleContent.ENVELOPE
