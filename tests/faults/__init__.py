"""Faults that only show in real processes: run them with `make faults`."""
