"""Query/Retrieve for viewers (PS3.4 annex C): the C-FIND, C-MOVE and C-GET SCPs.

Here: identifiers, attribute matching, selections, sub-operations and their counts; what the index
cannot answer is read from files.
Not here: SQL (store/index/), sending mechanics (dimse/).
"""
