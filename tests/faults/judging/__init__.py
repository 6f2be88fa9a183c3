"""The judgement: what everybody saw, written down, and compared with what the node holds."""
