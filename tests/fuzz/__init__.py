"""Fuzzing of everything that reads bytes from outside: `python -m tests.fuzz --seconds N`.

Rules
- A target is one function of bytes. The first line of its docstring is the invariant. It raises
  when the invariant is broken, and returns otherwise.
- Whatever the bytes, a target ends within a few seconds and within the memory that worker.py
  leaves it. Both limits are part of each invariant.
- Inputs are mutations of good ones (mutation.py) from a seed: the same seed gives the same inputs.
- A target runs in a process of its own (worker.py). The input that it works on is in a mapped file,
  so that it is there as well when the process dies.

Files
- targets_*.py: the targets by what they read; targets.py: all of them, by name.
- __main__.py: the nightly run, a share of the time for each target.
- test_targets.py: the quick tier.
"""
