"""Captures are refused before they begin, and never in the middle."""

from __future__ import annotations

from echonode.frames.capture.capture_gate import CaptureGate


class Disk:
    """Full or not, and how often it was asked."""

    def __init__(self, problem: str = "") -> None:
        self.problem = problem
        self.asked = 0

    def __call__(self) -> str:
        self.asked += 1
        return self.problem


def test_what_was_admitted_goes_on() -> None:
    """The disk fills while a cine runs: the cine is kept whole."""
    disk = Disk()
    admission = CaptureGate("handheld", disk)
    admission.begin("handheld-1")
    disk.problem = "full"
    assert all(admission.admits(elapsed_s) for elapsed_s in (0.0, 5.0, 3600.0))
    assert disk.asked == 1


def test_what_was_refused_begins_as_soon_as_there_is_room() -> None:
    """The probe need not be switched off and on; the disk is asked once a second, not a frame."""
    disk = Disk("full")
    admission = CaptureGate("handheld", disk)
    admission.begin("handheld-1")
    assert admission.refusal == "full"
    assert not any(admission.admits(n / 20) for n in range(60))
    assert disk.asked == 3
    disk.problem = ""
    assert not admission.admits(2.9)
    assert admission.admits(3.1)
    assert admission.refusal == ""


def test_a_new_connection_is_asked_for_anew() -> None:
    """The next exam does not begin on the last one's admission."""
    disk = Disk()
    admission = CaptureGate("handheld", disk)
    admission.begin("handheld-1")
    disk.problem = "full"
    admission.begin("handheld-2")
    assert not admission.admits(0.0)


def test_an_exam_that_an_operator_begins_is_refused_and_the_last_one_goes_on() -> None:
    """StartExam below the reserve: why not is said, and nothing that ran is stopped."""
    disk = Disk()
    admission = CaptureGate("handheld", disk)
    admission.begin("handheld-1")
    disk.problem = "full"
    assert admission.new_exam() == "full"
    assert admission.admits(1.0)
