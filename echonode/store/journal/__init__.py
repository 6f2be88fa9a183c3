"""A second record of what only the database knows, from which a lost one is made again.

Belongs here: what is written into the file beside the database, and how it is read back.
Does not belong here: what the files of instances say themselves (files/seal.py).
"""
