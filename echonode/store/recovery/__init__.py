"""Finds and repairs what is wrong between files and rows, at start and later.

Here: recovery, orphans, scrubbing.
Not here: damage of the database itself (database/).
"""
