"""The ways in: Kafka and files become checked actions in the ledger."""
