"""The steps from one version of the database to the next, as SQL; migrations.py runs them in order.

Here: for each version, what changed since the one before. A step does not change once released.
Not here: the tables of today (the *_schema.py modules), and when a step runs.
"""
