"""Errors of this layer that are told to the user in one sentence."""

from __future__ import annotations


class ExperimentError(ValueError):
    """The user asked for something that cannot be done; the message is one sentence that names the element and the remedy."""


class ResultError(ExperimentError):
    """A result is not whole; the message is one sentence that names the file and the remedy."""
