"""What a start or a later look finds wrong between files and rows, and sets right.

Here: recovery, orphans, scrubbing.
Not here: damage of the database itself (database/).
"""
