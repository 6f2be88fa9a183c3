"""Pure values and tables that every other package uses: no socket, clock, disk or thread.

Here: identities, criteria, the states of deliveries and transactions.
Not here: decisions of one package alone.
"""
