"""From frames to acquisitions: where a still or a clip begins and ends, and on whose request.

Here: the gate before a capture, the queue of acquisitions behind it.
Not here: pixels (imaging/), datasets (objects/).
"""
