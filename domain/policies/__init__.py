"""What a policy may say: measures, curves, weights, grades; and what it may not."""
