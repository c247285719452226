"""Run the command line where the `kaoji` script is not installed: `python -m api.cli COMMAND`."""

from api.cli.main import main

main()
