"""`python -m echonode`."""

from echonode.cli import main

main()
