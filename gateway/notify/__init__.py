"""Reaching people where they are: what is said, over which channel, to whom, and what came of it."""
