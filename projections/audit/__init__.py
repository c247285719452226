"""The audit trail: an index of the history, and the questions it answers."""
