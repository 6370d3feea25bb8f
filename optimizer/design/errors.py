"""The error of plan design that is told to the user in one sentence."""

from __future__ import annotations


class DesignError(ValueError):
    """Nothing can be designed from what was given; the message is one sentence that names the element and the remedy."""
