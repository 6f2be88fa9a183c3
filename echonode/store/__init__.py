"""What survives a power cut: files, index, deliveries, transactions. `Store` is the one door."""
