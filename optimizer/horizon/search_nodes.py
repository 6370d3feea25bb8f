"""What a search works on: the problem's traffic, the root, and the memory for its nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_NODES = 10_000
"""Room for the widest beam: some thousand nodes."""

COST, BOUND = range(2)
STAGE, DEADLINE, PARENT, NEXT, CAME_BY_STAYING, LAYER = range(6)

STAYED_TO_THE_END = 2
"""Mark of a node that came by staying, where the cost of staying up to the horizon is known."""


class SearchWorkspace(NamedTuple):
    """Memory for the nodes of one search; make it once with `make_workspace` and use it again.

    Attributes
    ----------
    lanes
        Packed states of the lanes and of the inner lanes' queues, shape ``(nodes * Traffic.width,)``.
    values
        Cost so far and bound of the whole cost, shape ``(nodes, 2)``.
    links
        Stage, deadline of its green, parent, next node of the same layer and stage, and whether the node came by staying, and its layer;
        shape ``(nodes, 6)``.
    """

    lanes: NDArray[np.int32]
    values: NDArray[np.int64]
    links: NDArray[np.int32]


def make_workspace(nodes: int = 50_000, lanes: int = 32) -> SearchWorkspace:
    """Return memory for a search of `nodes` nodes; with more lanes than `lanes` it holds fewer nodes.

    Raises
    ------
    ValueError
        If it is too small for a beam.
    """
    if nodes < LEAST_NODES or lanes < 1:
        raise ValueError(f"a search needs memory for {LEAST_NODES} nodes and 1 lane, not for {nodes} and {lanes}; give more.")
    return SearchWorkspace(
        lanes=np.empty(nodes * lanes, dtype=np.int32),
        values=np.empty((nodes, 2), dtype=np.int64),
        links=np.empty((nodes, 6), dtype=np.int32),
    )


class Traffic(NamedTuple):
    """The vehicles of one problem, lanes without vehicles left out.

    Attributes
    ----------
    lanes, vehicles
        Tables; see `optimizer.horizon.search_dynamics` for their columns.
    lane_kind
        What each stage means for each lane, shape ``(stages, lanes)``.
    component
        Components of the lanes that are red in each stage; see `find_components`.
    monotone
        Whether it is never dearer to serve a vehicle than not to, so that a node whose lanes have come further dominates.
    width
        Numbers in the state of a node: one for each lane and, for each inner lane, one more than it holds vehicles.
    """

    lanes: NDArray[np.int64]
    vehicles: NDArray[np.int64]
    lane_kind: NDArray[np.int8]
    component: NDArray[np.int64]
    monotone: bool
    width: int


class Root(NamedTuple):
    """Where the search begins: the current stage, the bounds of the first command, and when each group's vehicles may leave first."""

    stage: int
    first_command: int
    deadline: int
    opens: NDArray[np.int64]
