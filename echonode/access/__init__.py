"""Who may do what over HTTP: roles, the rule of each route, passwords, sessions; pure rules.

Here: decisions, and what users, sessions and accesses are.
Not here: where users are kept (store/access/), how a request is asked who it is (web/admission.py).
"""
