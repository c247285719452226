"""What people and programs use: command line, HTTP, demo; and the one place where parts are put together."""
