"""The coupling to SUMO: reading networks, detectors, signals."""
