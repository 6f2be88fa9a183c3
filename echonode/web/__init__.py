"""HTTP mechanics and the console; knows nobody: node.py hands it routes and callables."""
