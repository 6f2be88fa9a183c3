"""Files of the data folder: names, locks, durable writes, room on the disk.

Here: system calls, and what their failures mean.
Not here: anything that reads the database.
"""
