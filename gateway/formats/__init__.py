"""What bodies are made of, each format read in one way only: bytes in, values out."""
