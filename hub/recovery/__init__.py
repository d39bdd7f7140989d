"""The ways back for a node that was restored from an old backup: its log, its records, or a new epoch of the log."""
