"""The whole node: built from the configuration, started in order, stopped in reverse.

Here: which part is given which callable; routes; limits of the process.
Not here: any decision of a part.
"""
