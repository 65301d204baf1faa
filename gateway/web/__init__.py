"""The people's pages and their API, served over a Desk."""
