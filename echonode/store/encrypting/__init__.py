"""A store that exists is encrypted, or gets another master key; no node writes it meanwhile.

Here: which files and databases there are, in which order they change, and what a stop leaves.
Not here: the form of a sealed file (at_rest/), and what a start checks (files/database_key.py).
"""
