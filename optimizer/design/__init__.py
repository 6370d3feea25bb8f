"""Plan design: fixed-time plans of junctions, offsets of corridors and green waves, as pure computation with OR-Tools.

Start at `problem.DesignProblem` (what is asked), `plan.SignalPlan` (the answer) and `result.DesignResult` (how good it is).
"""
