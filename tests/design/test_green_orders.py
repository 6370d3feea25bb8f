"""Lead or lag: the orders of greens that platoons ask for."""

from __future__ import annotations

from experiments.benchmarks.design_instances import demand, four_arms, random_flows
from optimizer.design.linked import DesignOrder, LinkedPlans, _best_cycle, design_linked
from optimizer.design.plan_check import plan_violations
from optimizer.design.problem import DesignTask
from optimizer.neighbours import Link

CYCLE_S = 80


def corridor() -> tuple[dict[str, DesignTask], list[Link]]:
    """Three junctions in a row; the lanes 3 and 7 come from the west, 1 and 5 from the east."""
    place = four_arms()
    tasks = {name: DesignTask(place, demand(place, random_flows(10 + i, total_h=1400))) for i, name in enumerate("abc")}
    links = [Link(a, 0, b, (3, 7), 300.0, 22.0) for a, b in ("ab", "bc")] + [Link(b, 0, a, (1, 5), 300.0, 22.0) for a, b in ("ab", "bc")]
    return tasks, links


def test_other_orders_of_the_greens_spare_platoons_a_wait_and_keep_every_limit() -> None:
    tasks, links = corridor()
    order = DesignOrder(cycle_s=(CYCLE_S, CYCLE_S))
    alone = _best_cycle(tasks, links, order, lambda _: None)
    results, (coordination,) = design_linked(tasks, links, [list(tasks)], order)
    assert LinkedPlans(results, coordination).delayed_veh < alone.delayed_veh
    for name, result in results.items():
        assert not plan_violations(result.plan, tasks[name].junction)
        assert result.plan.cycle_s == CYCLE_S
        # The junction's own delay pays little for it.
        assert result.cost <= 1.06 * alone.results[name].cost
