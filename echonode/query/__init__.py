"""What a viewer asks for: attribute matching, identifiers and the C-FIND SCP (PS3.4 annex C)."""
