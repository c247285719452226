"""From sums to scorecards: exact, and thousands at once."""
