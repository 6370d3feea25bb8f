import pytest

from sumo_networks import scenario, vehicles_due

# vehicles due in the published windows
DUE = {
    "arterial4x4": 2484,
    "cologne1": 2015,
    "cologne3": 2856,
    "cologne8": 2046,
    "grid4x4": 1473,
    "ingolstadt1": 1716,
    "ingolstadt7": 3031,
    "ingolstadt21": 4281,
}


@pytest.mark.parametrize("network", DUE)
def test_the_vehicles_due_match_the_published_windows(network: str) -> None:
    assert vehicles_due(scenario(f"resco/{network}")) == DUE[network]
