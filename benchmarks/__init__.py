"""What the performance claims rest on: `make bench`. Tests are never timed."""
