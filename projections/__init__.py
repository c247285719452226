"""Views derived from the ledger: one driver, the history in columns, the directory, integrity."""
