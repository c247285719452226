"""Scores and what they follow from: explained, compared, tried out."""
