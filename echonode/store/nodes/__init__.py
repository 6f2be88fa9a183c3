"""The nodes on one database: which are there, what each holds, and how they wake each other.

Here: rows of nodes and leases, notices between nodes.
Not here: the threads that keep them up (node/cluster.py), and what a node does with a lease.
"""
