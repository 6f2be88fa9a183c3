"""Queries of viewers: attribute matching, identifiers and the C-FIND SCP (PS3.4 annex C).

Here: pure matching; what the index cannot answer is read from files.
Not here: SQL (store/index/).
"""
