"""The SQLite database: tables, connections, migrations, checks, and small tables that all use.

Here: how it is opened, written and found damaged.
Not here: what rows mean for a query or a delivery.
"""
