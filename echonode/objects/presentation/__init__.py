"""How images are to be shown, as DICOM objects.

Here: the Grayscale Softcopy Presentation State.
Not here: pictures of frames and the display function of their grey values (transcoding/).
"""
