"""The judgement: what each peer saw, written down, and compared with what the node holds."""
