"""From samples and planes to pictures with a calibration: arithmetic on arrays.

Here: envelope, compression, scan conversion, planes; pure.
Not here: bytes of a protocol (streams/).
"""
