"""The templates that ship, one file a service."""
