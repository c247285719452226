"""The simulated administration that `kaoji demo` shows: a pure function of a seed."""
