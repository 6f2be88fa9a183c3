"""Simulated probes: simulators on a socket and phantoms, for tests and the demonstration.

Here: what sends bytes as a probe would.
Not here: anything that the node needs to run with a real probe.
"""
