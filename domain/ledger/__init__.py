"""The ledger: every action and event once, at a position that never changes, with what was refused beside it."""
