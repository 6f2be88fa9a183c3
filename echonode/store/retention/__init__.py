"""Deleting what archives have committed to keep, and pruning what is past.

Here: the decision, and the numbered steps of a deletion.
Not here: when it runs (maintenance/).
"""
