"""Demand that SUMO leaves out, with a warning among thousands of others: counted, and told in one sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sumo_networks.demand import out_of_order, vehicles_due

if TYPE_CHECKING:
    from pathlib import Path

    from sumo_networks import Scenario

_VEHICLES: Final = frozenset({"vehicle", "trip", "flow"})
_WITHOUT_WAY: Final = re.compile(r"^Warning: (?:Removing )?[Vv]ehicle '(.*?)' (?:which )?has no (?:valid )?route\b(?! from)", re.MULTILINE)
_WITHOUT_WAY_MORE: Final = re.compile(r"^Warning: (\d+) total messages of type: Vehicle '%' has no valid route", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Dropped:
    """What was left out of a scenario's demand.

    Attributes
    ----------
    out_of_order
        Vehicles that depart earlier than something before them in their route file.
    without_way
        Vehicles without a way from where they start to where they go.
    first
        Id of the first one of either, where there is one.
    others
        How many persons, or flows of them, are out of order.
    """

    out_of_order: int = 0
    without_way: int = 0
    first: str = ""
    others: int = 0

    def sentence(self, due: int) -> str:
        """Return what there is to say, with the remedy; empty where nothing was left out.

        Parameters
        ----------
        due
            The vehicles of the whole demand.
        """
        parts = []
        if self.out_of_order or self.others:
            whose = f"{self.out_of_order} of {due} vehicles" if self.out_of_order else f"{self.others} persons or flows of persons"
            parts.append(f"{whose} because something before them in the route file departs later")
        if self.without_way:
            parts.append(f"{self.without_way} of {due} vehicles because they have no way to where they go")
        remedies = ["sort the route files by departure (sort_routes.py among SUMO's tools)"] if self.out_of_order or self.others else []
        remedies += ["mend their routes"] if self.without_way else []
        return f"SUMO leaves out {', and '.join(parts)} (first: {self.first!r}); {' and '.join(remedies)}." if parts else ""


def dropped_by_order(scenario: Scenario) -> Dropped:
    """Return what SUMO leaves out of a scenario's route files because it is not in the order of departure."""
    left_out = out_of_order(scenario)
    if not left_out:
        return Dropped()
    vehicles = vehicles_due(scenario, {one.id for one in left_out if one.tag in _VEHICLES})
    others = sum(one.tag not in _VEHICLES and scenario.begin_s <= one.depart_s < scenario.end_s for one in left_out)
    return Dropped(out_of_order=vehicles, first=left_out[0].id, others=others)


def dropped_in(log: Path, scenario: Scenario) -> Dropped:
    """Return what a run has left out.

    Parameters
    ----------
    log
        What SUMO had to say in the run.
    scenario
        The scenario with the window and the scale of the run.
    """
    told = log.read_text(encoding="utf-8", errors="replace")
    ways = list(dict.fromkeys(_WITHOUT_WAY.findall(told)))
    more = max(map(int, _WITHOUT_WAY_MORE.findall(told)), default=0)  # of very many warnings the log has only the number
    by_order = dropped_by_order(scenario)
    return replace(by_order, without_way=max(len(ways), more), first=by_order.first or next(iter(ways), ""))
