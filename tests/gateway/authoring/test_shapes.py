from gateway.authoring.shapes import Key, Many, Text


def test_a_key_may_be_left_out_unless_it_says_otherwise() -> None:
    assert not Key("a", "A.", Many(Text())).needed
