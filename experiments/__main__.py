"""``python -m experiments`` is the command ``ampelwerk``."""

from experiments.cli import main

main()
