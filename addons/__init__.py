"""What the gateway adds to mitmproxy: thin hooks that ask the gate and fail closed."""
