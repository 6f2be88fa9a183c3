"""From the probe's bytes to messages: one decoder without I/O a protocol, and the link to it.

Here: what every probe has: messages, kinematics, profile, pace.
Not here: images (frames/).
"""
