"""From the history to tallies: case files, live sums, earlier positions, other machines."""
