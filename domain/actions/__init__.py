"""Administrative actions: what they may say, how they are checked, stored and read back."""
