"""Research copies: the frames as arrays, with spacing, times and transforms.

Here: NumPy, NIfTI, MetaImage and NRRD, as pure functions of a stored instance.
Not here: volumes that are made of several frames (copies/volume/).
"""
