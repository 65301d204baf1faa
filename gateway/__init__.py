"""Secondsig: a step-up approval gateway for AI agents."""

__version__ = "0.1.0"
