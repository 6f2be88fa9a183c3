"""Proves each peer both ways before a patient is scanned, and names each failure's remedy.

Here: what each peer must be able to do, and the test image.
Not here: how the result is shown (commands/, web/).
"""
