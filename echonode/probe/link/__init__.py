"""Connections to probes: opened, listened for, read, and opened again.

Here: sockets and the queue behind them.
Not here: what the bytes mean.
"""
