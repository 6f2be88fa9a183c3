"""From the probe's messages to images with calibration and timing."""
