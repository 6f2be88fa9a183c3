"""The commands of `echonode`: one module for each, and what they share.

Here: what a command prints, its exit status, how it finds a running node.
Not here: what is done; a command asks the node, the store or preflight for it.
"""
