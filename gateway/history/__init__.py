"""What the gateway remembers of each agent: rolling sums and counts, and what is usual for it."""

from gateway.history.history import Asking, History
from gateway.history.moment import Moment, Unusual

__all__ = ["Asking", "History", "Moment", "Unusual"]
