"""Patients, studies, series and instances as rows, from the header of each file.

Here: what a query searches and how rows follow the files.
Not here: deliveries, and the bytes of files.
"""
