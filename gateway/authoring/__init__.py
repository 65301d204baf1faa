"""The author's bench: what template authors use beside the gateway."""
