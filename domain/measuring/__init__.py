"""From actions to sums: cases are folded, and what they count for is added up."""
