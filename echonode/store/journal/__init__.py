"""A second record of what only the database knows, from which a lost one is made again.

Here: what is written into the file next to the database, and how it is read back.
Not here: what the files of instances say themselves (files/seal.py).
"""
