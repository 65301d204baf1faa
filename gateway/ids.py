"""Names that nobody can guess: a prefix and at least 128 random bits in Crockford's base 32."""

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ENTROPY_BYTES = 16
LENGTH = 26


def make_id(prefix: str, entropy: bytes) -> str:
    """The id that these 16 random bytes stand for."""
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"an id is made of {ENTROPY_BYTES} random bytes, not {len(entropy)}")
    number = int.from_bytes(entropy)
    digits = []
    for _ in range(LENGTH):
        number, digit = divmod(number, 32)
        digits.append(ALPHABET[digit])
    return f"{prefix}_{''.join(reversed(digits))}"


def is_id(prefix: str, text: str) -> bool:
    head, _, tail = text.partition("_")
    return head == prefix and len(tail) == LENGTH and all(c in ALPHABET for c in tail)
