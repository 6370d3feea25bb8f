"""Design problems with the traffic model's parameters as the HCM has them: closed forms are worked out with these."""

from __future__ import annotations

from functools import partial

from optimizer.design import problem
from optimizer.design.parameters import DesignParameters

HCM = DesignParameters(saturation_veh_h=1900.0, yellow_used_s=2.0, sneakers_veh=2.0)

design_problem = partial(problem.design_problem, parameters=HCM)
