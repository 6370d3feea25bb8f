"""Pure computation of signal timing: junction descriptions, estimation, optimisation and the monitor.

Nothing in this package imports SUMO, ``controllers`` or ``experiments``.
"""
