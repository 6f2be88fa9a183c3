"""Volumes out of tracked sweeps, and slices of them.

Here: the order of a sweep's frames, the reconstruction, and its files.
Not here: copies of the frames themselves (copies/research/).
"""
