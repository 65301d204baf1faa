"""Where everything is kept: one contract, and the embedded database that fulfils it."""
