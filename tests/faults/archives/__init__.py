"""Archives that follow a script: they store, commit, lie, fall silent, break off."""
