"""What a report says and shows, of what a person gave and what the exam has. Pure.

Rules
- An image stands where no correction rejected it. What was measured on an image that a correction
  replaced is of the image that is in its place: the pixels are the same.
- Without a choice of their own, people get what they expect: every measurement that stands, and
  as key images the frames that were measured; where nothing was, the first images.
- A report of nothing is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from echonode.config.report_templates import Template
from echonode.errors import FieldRefused, OperatorRefused
from echonode.model.exam import CaptureKind, ExamCapture
from echonode.model.exam_report import (
    LONGEST_CONCLUSION,
    LONGEST_FINDING,
    MOST_KEY_IMAGES,
    MOST_MEASUREMENTS,
    Finding,
    KeyImage,
    ReportContent,
    report_text,
)
from echonode.model.measurement import Measurement
from echonode.objects.reports.report_templates import checked_language, template_named

_IMAGES = (CaptureKind.CAPTURE, CaptureKind.CORRECTED)
_MOST_UNMEASURED = 4  # key images where nothing was measured: one page


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a person gave. findings: field of the template -> text.

    key_images, measurements: None where the person did not choose.
    """

    template: str
    language: str
    findings: Mapping[str, str]
    conclusion: str
    key_images: Sequence[KeyImage] | None = None
    measurements: Sequence[str] | None = None


def standing(captures: Sequence[ExamCapture]) -> dict[str, ExamCapture]:
    """SOP Instance UID -> the image that stands for it, of every image that one stands for."""
    by_uid = {each.sop_instance_uid: each for each in captures if each.kind in _IMAGES}
    found: dict[str, ExamCapture] = {}
    for uid in by_uid:
        now, seen = by_uid[uid], {uid}
        while now.replaced_by in by_uid and now.replaced_by not in seen:
            now = by_uid[now.replaced_by]
            seen.add(now.sop_instance_uid)
        if not now.rejected_by:
            found[uid] = now
    return found


def standing_measurements(
    made: Sequence[Measurement], images: Mapping[str, ExamCapture]
) -> list[Measurement]:
    """Those that were not deleted, each on the image that stands for its own."""
    return [
        replace(each, sop_instance_uid=images[each.sop_instance_uid].sop_instance_uid)
        for each in made
        if each.deleted_at is None and each.sop_instance_uid in images
    ]


def chosen_content(
    wish: Wish,
    captures: Sequence[ExamCapture],
    made: Sequence[Measurement],
    frames: Mapping[str, int],
    templates: Mapping[str, Template],
) -> tuple[ReportContent, list[Measurement]]:
    """What is reported, and its measurements. frames: of each image that is here.

    Raises FieldRefused for what was given, OperatorRefused where there is nothing to report.
    """
    template = template_named(wish.template, templates)
    language = checked_language(wish.language)
    images = standing(captures)
    if not images:
        raise OperatorRefused("the exam has no image yet: a report refers to its images")
    measured = _measurements(wish, standing_measurements(made, images))
    if gone := sum(each.sop_instance_uid not in frames for each in measured):
        raise OperatorRefused(
            f"{gone} of its measurements are on images that were deleted here after the archive "
            "committed to keep them: choose others, or report at the archive"
        )
    fields = {each.code: each.label.within(language) for each in template.fields}
    for code in wish.findings:
        if code not in fields:
            known = ", ".join(fields)
            raise FieldRefused("findings", f"has no {code[:32]!r} in it", f"give {known}")
    findings = tuple(
        Finding(
            field=code,
            label=label,
            text=report_text(f"findings.{code}", wish.findings[code], longest=LONGEST_FINDING),
        )
        for code, label in fields.items()
        if wish.findings.get(code, "").strip()
    )
    conclusion = report_text("conclusion", wish.conclusion, longest=LONGEST_CONCLUSION)
    if not (findings or conclusion or measured):
        raise FieldRefused("findings", "are empty, and nothing was measured", "say what was found")
    content = ReportContent(
        template=template.code,
        language=language,
        title=template.title.within(language),
        findings=findings,
        conclusion=conclusion,
        key_images=tuple(_key_images(wish, images, measured, frames)),
        measurements=tuple(each.id for each in measured),
    )
    return content, measured


def refers_to(
    content: ReportContent, measured: Sequence[Measurement], frames: Mapping[str, int]
) -> list[str]:
    """The images that a report speaks of, each once; of a report of text alone, the first one.

    An archive files a report by the images that it refers to. Raises OperatorRefused.
    """
    shown = [each.sop_instance_uid for each in content.key_images]
    found = list(dict.fromkeys([*shown, *(each.sop_instance_uid for each in measured)]))
    if not found and not frames:
        raise OperatorRefused(
            "its images were deleted here after the archive committed to keep them: report there"
        )
    return found or list(frames)[:1]


def _measurements(wish: Wish, there: Sequence[Measurement]) -> list[Measurement]:
    if wish.measurements is None:
        return list(there[:MOST_MEASUREMENTS])
    by_id = {each.id: each for each in there}
    unknown = [each for each in wish.measurements if each not in by_id]
    if unknown:
        raise FieldRefused(
            "measurements", f"has {unknown[0][:16]}, which does not stand", "leave it out"
        )
    if len(wish.measurements) > MOST_MEASUREMENTS:
        raise FieldRefused("measurements", "are too many", f"at most {MOST_MEASUREMENTS}")
    return [by_id[each] for each in dict.fromkeys(wish.measurements)]


def _key_images(
    wish: Wish,
    images: Mapping[str, ExamCapture],
    measured: Sequence[Measurement],
    frames: Mapping[str, int],
) -> list[KeyImage]:
    if wish.key_images is None:
        found = [KeyImage(sop_instance_uid=m.sop_instance_uid, frame=m.frame) for m in measured]
        if not found:
            stand = dict.fromkeys(each.sop_instance_uid for each in images.values())
            found = [KeyImage(sop_instance_uid=uid) for uid in list(stand)[:_MOST_UNMEASURED]]
        here = [each for each in dict.fromkeys(found) if each.sop_instance_uid in frames]
        return here[:MOST_KEY_IMAGES]
    if len(wish.key_images) > MOST_KEY_IMAGES:
        raise FieldRefused("key_images", "are too many", f"give at most {MOST_KEY_IMAGES}")
    chosen = []
    for each in wish.key_images:
        image = images.get(each.sop_instance_uid)
        if image is None or image.sop_instance_uid not in frames:
            raise FieldRefused(
                "key_images",
                "has what is not one of the exam's images here",
                "choose from its images",
            )
        if not 1 <= each.frame <= frames[image.sop_instance_uid]:
            most = frames[image.sop_instance_uid]
            raise FieldRefused("key_images", "has a frame that is not there", f"give 1 to {most}")
        chosen.append(replace(each, sop_instance_uid=image.sop_instance_uid))
    return list(dict.fromkeys(chosen))
