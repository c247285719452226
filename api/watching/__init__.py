"""What goes on: logs, metrics, traces, and whether a process is ready."""
