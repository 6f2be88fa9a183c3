"""The probes as the HTTP API has them, and their live pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from echonode.errors import UsageError
from echonode.frames.live.picture_maker import PictureMaker
from echonode.frames.source.source import ProbeSource
from echonode.model.live_picture import LivePicture, LiveState

Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class LiveProbe:
    """A probe's source, and what makes its pictures."""

    source: ProbeSource
    pictures: PictureMaker


class NodeLive:
    """web.live.routes.LiveApi on a node. refusing: why nothing can be stored just now; ''."""

    def __init__(self, probes: Sequence[LiveProbe], *, refusing: Callable[[], str]) -> None:
        self._probes = {probe.source.name: probe for probe in probes}
        self._refusing = refusing

    @property
    def gain_curves(self) -> Mapping[str, Sequence[tuple[float, float]]]:
        """By probe, what its frames are made with."""
        return {name: probe.pictures.gain_curve for name, probe in self._probes.items()}

    def probes(self) -> Sequence[Json]:
        return [self._json(probe) for probe in self._probes.values()]

    def require(self, probe: str) -> None:
        self._probe(probe)

    def state(self, probe: str) -> LiveState:
        found = self._probe(probe)
        return LiveState(
            connected=found.source.counts.connected,
            frames_per_s=found.pictures.frames_per_s,
            exam=found.source.exam_id,
        )

    def unmade(self, probe: str) -> int:
        return self._probe(probe).pictures.skipped

    def watch(self, probe: str, take: Callable[[LivePicture], None]) -> Callable[[], None]:
        return self._probe(probe).pictures.watch(take)

    def _probe(self, name: str) -> LiveProbe:
        try:
            return self._probes[name]
        except KeyError:
            known = ", ".join(self._probes) or "none"
            raise UsageError(f"there is no probe `{name}`; configured: {known}") from None

    def _json(self, probe: LiveProbe) -> Json:
        source = probe.source
        counts = source.counts
        return {
            "name": source.name,
            "connected": counts.connected,
            "fps": round(probe.pictures.frames_per_s, 1),
            "exam": source.exam_id or None,
            "capture_mode": source.capture_mode.value,
            "frames_received": counts.frames_received,
            "frames_dropped": counts.frames_dropped,
            "refusal": source.refusal or self._refusing(),
            "problem": counts.problem,
            "state": counts.device.state if counts.device else "",
            "battery_percent": counts.device.battery_percent if counts.device else None,
        }
