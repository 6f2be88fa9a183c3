"""From the probe's messages to images with calibration and timing.

Here: frames, acquisitions and their settings as values; folders for each step.
Not here: sockets and decoders (probe/), datasets (objects/).
"""
