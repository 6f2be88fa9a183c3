"""What the configuration says of reports, as values."""

from __future__ import annotations

from echonode.config import Config
from echonode.exam.reporting.making import Settings
from echonode.model.instance import StoredInstance
from echonode.node.settings.parts import node_equipment
from echonode.objects.reports.font_files import Fonts
from echonode.transcoding.rendered_frames import PictureRequest, RenderedFrames

_QUALITY = 92  # of a JPEG on a page that is printed


def reporting_settings(config: Config, rendered: RenderedFrames) -> Settings:
    """How reports are made on this node."""

    def picture(instance: StoredInstance, frame: int) -> bytes:
        return rendered.picture(instance, PictureRequest(number=frame - 1, quality=_QUALITY))

    return Settings(
        equipment=node_equipment(config),
        fonts=Fonts(config.report.fonts),
        picture=picture,
        reports_steps=config.mpps is not None,
    )
