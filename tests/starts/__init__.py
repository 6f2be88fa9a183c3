"""Starts of the node for the tests that cost little; it imports nothing of the tests itself."""
