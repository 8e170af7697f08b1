"""Runs the command as `python -m customers.entrypoints.cli`."""

from customers.entrypoints.cli import main

main()
