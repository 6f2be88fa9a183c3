"""Deletes what archives have committed to keep, and prunes the past.

Here: the decision, and the numbered steps of a deletion.
Not here: when it runs (maintenance/).
"""
