"""What a user reads in the language asked for: sentences that are made far from where they are shown."""
