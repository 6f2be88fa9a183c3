"""Nodes to attack: whole processes, halves in the test's own time, some with planted defects."""
