"""Users, sessions and API tokens, as rows.

Here: what is kept of them, and how it changes.
Not here: who may do what, and which password is taken (access/).
"""
