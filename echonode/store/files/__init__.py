"""Files of the data folder: names, locks, durable writes, free space.

Here: system calls, and what their failures mean.
Not here: anything that reads the database.
"""
