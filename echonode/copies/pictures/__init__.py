"""Frames as pictures and films that any screen shows.

Here: PNG, JPEG, animations and MP4 of a stored instance.
Not here: how a frame becomes a picture (transcoding/), values to compute with (research/).
"""
