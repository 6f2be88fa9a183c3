"""Archives that do as they are told: store, promise, lie, fall silent, break off."""
