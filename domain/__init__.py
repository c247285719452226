"""The facts and the rules: actions, the ledger, measures, tallies, policies and scores."""
