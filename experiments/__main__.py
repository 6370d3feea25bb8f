"""``python -m experiments`` is the command ``ampelwerk``."""

from experiments.cli import main
from experiments.processes import end_with_starter

end_with_starter()
main()
