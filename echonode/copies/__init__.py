"""Copies that leave an exam: media, pictures, films, research files; with or without the patient.

Here: a stored instance to the bytes of its copies, and how they are written.
Not here: what is sent to archives (delivery/), what viewers ask for (dicomweb/, review/).
"""
