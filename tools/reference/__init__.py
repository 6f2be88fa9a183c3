"""The parts of docs/ that are made from the code: `make docs` writes them, tests compare them.

Each part lies between two marks in its document; what stands around it is written by hand.
"""
