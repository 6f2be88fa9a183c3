"""Every test of EchoNode, and the real programs it is tested and measured against."""
