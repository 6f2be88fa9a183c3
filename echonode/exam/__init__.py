"""Who is examined and why.

Here: the exam's states and its patient; pure.
Not here: captures (intake/), the datasets (objects/).
"""
