"""DIMSE messages as values and bytes (PS3.7 9.3, annex E), and the datasets that they carry.

Here: no I/O; a message comes from PDVs and goes into them.
Not here: associations, and what is answered.
"""
