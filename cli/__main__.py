"""`python -m cli`: the operator's command, where it is not installed."""

from cli.main import main

main()
