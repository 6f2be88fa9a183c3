"""Short lives of a node, to be recorded or ended at any of their steps."""
