"""The changes that need a passkey, one module for each kind of thing that changes."""
