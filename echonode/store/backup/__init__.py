"""Copies of a whole store for a machine that dies: made while the node runs, and brought back.

Here: what a backup's folder holds, how it is written, checked and restored.
Not here: copies of exams for people (copies/), and what is printed (commands/backups.py).
"""
