"""Callers: clients and the bytes they send, well formed and not."""
