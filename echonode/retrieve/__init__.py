"""What a viewer receives: the C-MOVE and C-GET SCPs (PS3.4 C.4.2, C.4.3).

Here: selections, sub-operations and their counts.
Not here: matching (query/), sending mechanics (dimse/).
"""
