"""From the samples of a sweep to a picture: what every dialect of scan lines shares.

    content      RF or envelope?                            sample_content.py
    envelope     RF to magnitudes                           envelope.py
    compression  gain, gain over depth, grey levels         compression.py, depth_gain.py
    persistence  mixed with the frames before               persistence.py
    image        lines and samples to rows and columns      scan_conversion.py

Every table is built when the geometry is known, and never again. The same sweeps in the same order
give the same pixels.
"""

from __future__ import annotations

from echonode.frames.frame import ImageFacts, Picture, ScanLines
from echonode.frames.imaging.compression import Compression
from echonode.frames.imaging.depth_gain import depth_gain_db
from echonode.frames.imaging.envelope import EnvelopeDetector
from echonode.frames.imaging.image_grid import image_grid
from echonode.frames.imaging.persistence import Persistence
from echonode.frames.imaging.sample_content import detect_content, proves_rf
from echonode.frames.imaging.scan_conversion import ScanConverter
from echonode.frames.imaging.sweep import Sweep
from echonode.frames.settings import StreamSettings
from echonode.probe.messages import GeometryReceived, SampleContent, Samples
from echonode.probe.profile import SampleMode


class _Stages:
    """The stages of one geometry, with their tables."""

    def __init__(self, source: GeometryReceived, settings: StreamSettings) -> None:
        image, geometry = settings.image, source.geometry
        self.detector = EnvelopeDetector(
            samples=geometry.samples,
            sampling_rate_hz=geometry.sampling_rate_hz,
            band_hz=image.band_hz,
        )
        self.compression = Compression(
            image, bits=source.bits, depth_gain_db=depth_gain_db(image.tgc, geometry)
        )
        self.persistence = Persistence(image.persistence)
        grid = image_grid(geometry, columns=image.columns, rows=image.rows)
        self.converter = ScanConverter(grid)
        self.calibration = grid.calibration(settings.profile.transducer_frequency_khz)
        self.facts = ImageFacts(
            # Pixels that are made here hold nothing but echoes, unless the operator knows better.
            burned_in=settings.picture.burned_in_or(default=False),
            depth_mm=geometry.rf_mm - geometry.r0_mm,
            scanner=source.scanner,
        )


class ImageChain:
    """Sweeps of one geometry to pictures. For one thread: it keeps scratch, and what it found out.

    What the samples are is the profile's word, else found out on the first sweep that says it
    (sample_content.py) and kept; only negative values, which prove RF, may overturn it later.
    """

    def __init__(self, source: GeometryReceived, settings: StreamSettings) -> None:
        self._source, self._settings = source, settings
        self._mode = settings.profile.mode
        self._found: SampleContent | None = None
        self._stages: _Stages | None = None  # built by the first frame, where frames are made

    def develop(self, sweep: Sweep) -> Picture:
        """The picture of a sweep."""
        stages = self._stages = self._stages or _Stages(self._source, self._settings)
        is_rf = self._content(sweep) is SampleContent.RF
        if is_rf:
            magnitudes = stages.detector.envelope(sweep.samples)
            grey = stages.compression.of_magnitudes(magnitudes)
        else:
            grey = stages.compression.of_counts(sweep.samples)
        grey = stages.persistence.mixed(grey, sweep.present)
        return Picture(
            pixels=stages.converter.image(grey),
            calibration=stages.calibration,
            facts=stages.facts,
            lines=self._kept(sweep, is_rf=is_rf),
        )

    def _kept(self, sweep: Sweep, *, is_rf: bool) -> ScanLines | None:
        if not self._settings.keep_lines:
            return None
        return ScanLines(
            samples=sweep.samples,
            present=sweep.present,
            geometry=self._source.geometry,
            is_rf=is_rf,
        )

    def _content(self, sweep: Sweep) -> SampleContent:
        if self._mode is not SampleMode.AUTO:
            return SampleContent(self._mode.value)
        if self._source.bits == 8:  # a byte has no room for RF and its sign; no probe sends that
            return self._source.content
        lines: Samples = sweep.samples[sweep.present]
        if self._found is None:
            self._found = detect_content(lines)
        elif self._found is SampleContent.ENVELOPE and proves_rf(lines):
            self._found = SampleContent.RF
        return self._found or self._source.content
