"""What runs in the background: retention, scrubbing, and what a start left for later.

Here: threads with a period or a rate.
Not here: what they decide and do to the disk (store/).
"""
