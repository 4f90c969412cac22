"""Downloads that resume: planned, locked, verified by hash, unpacked, and named when whole."""
