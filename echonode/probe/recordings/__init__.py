"""Readers of recordings: echOpen's text, MetaImage, NRRD, Clarius.

Here: a file as lines or images with their times.
Not here: playing them (frames/source/).
"""
