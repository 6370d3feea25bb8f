"""The rolling horizon: one problem, one traffic model, two engines."""

from optimizer.horizon.parameters import HorizonParameters
from optimizer.horizon.problem import HorizonProblem
from optimizer.horizon.solution import HorizonSolution

__all__ = ["HorizonParameters", "HorizonProblem", "HorizonSolution"]
