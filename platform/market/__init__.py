"""Market data: instruments, calendars, sources, snapshots, the store, features."""
