"""Measurements of speed: ``python -m experiments.benchmarks.closed_loop`` and ``python -m experiments.benchmarks.decisions``."""
