"""The people's pages, shipped as data."""
