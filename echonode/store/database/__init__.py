"""The database, SQLite or PostgreSQL: tables, engines, migrations, checks, and small common tables.

Here: how it is opened, written and found damaged.
Not here: what rows mean for a query or a delivery.
"""
