"""What people do: they sign in, read, sign, deny. The pages are one way to reach it."""
