"""Media for other people's viewers: file sets with a DICOMDIR, as a folder, ISO image or ZIP file.

Here: what lies on a medium and in which form (PS3.10, PS3.11, PS3.12), and reading one back.
Not here: pictures (pictures/), where copies are written (writing.py), what stores (intake/).
"""
