"""Decoders of the wire formats of echOpen's probes, one for each generation; no I/O.

Here: bytes to scan lines, and where those lines lie.
Not here: sweeps and pictures (frames/).
"""
