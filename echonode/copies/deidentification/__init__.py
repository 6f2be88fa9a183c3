"""Anonymised copies by DICOM PS3.15 annex E.

Here: the standard's table E.1-1 as data, profiles, pseudonyms, what becomes of each attribute and
of the pixels.
Not here: who asks for a copy and where it goes (commands/), codecs (transcoding/).
"""
