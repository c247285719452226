"""The rules that hold: procedures with their limits, calendars, how both are read and adopted."""
