"""What tests of several folders share that is no peer: examples, folders in memory, recordings."""
