import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ucan.dag import UcanError, decode, encode
from gateway.ucan.policy import compile_policy, like, same

VECTORS = Path(__file__).parents[2] / "vectors/ucan/spec/policy.json"


def spec_cases(kind):
    """The specification's cases; its one map without a key is not JSON and loses its extra braces."""
    text = re.sub(
        r'("newsletters": \{)\s*\{(.*?\]\s*\})\s*\}', r"\1\2", VECTORS.read_text(), count=1, flags=re.DOTALL
    )
    return [
        pytest.param(policy, case["args"], id=json.dumps(policy)[:60])
        for case in json.loads(text)[kind]
        for policy in case["policies"]
    ]


@pytest.mark.parametrize(("policy", "arguments"), spec_cases("valid"))
def test_policy_that_the_specification_lets_pass(policy, arguments):
    assert compile_policy(decode(encode(policy)))(arguments)


@pytest.mark.parametrize(("policy", "arguments"), spec_cases("invalid"))
def test_policy_that_the_specification_refuses(policy, arguments):
    assert not compile_policy(decode(encode(policy)))(arguments)


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(["==", ".b", True], id="true is not one"),
        pytest.param(["==", ".b", "1"], id="text is not a number"),
        pytest.param(["==", ".raw", "x"], id="text is not bytes"),
        pytest.param(["==", ".list", [1]], id="a shorter list"),
        pytest.param(["==", ".map", {"k": 1, "l": 2}], id="a larger map"),
        pytest.param(["==", ".map", {"l": 1}], id="another key"),
        pytest.param(["<", ".t", 2], id="a truth value is not smaller than a number"),
        pytest.param([">", ".text", 0], id="text is not larger than a number"),
        pytest.param([">", ".missing", -1], id="nothing is not larger than a number"),
        pytest.param(["!=", ".list[9]", 5], id="a path to nothing proves no difference"),
        pytest.param(["like", ".b", "*"], id="a number is not like anything"),
        pytest.param(["all", ".b", ["==", ".", 1]], id="a number is no collection"),
        pytest.param(["any", ".b", ["==", ".", 1]], id="nor for any"),
        pytest.param(["any", ".empty", ["==", ".", 1]], id="nothing in an empty list"),
        pytest.param(["any", ".map", ["==", ".", 9]], id="no such value in a map"),
        pytest.param(["or", [["==", ".b", 2], ["==", ".b", 3]]], id="neither"),
    ],
)
def test_statement_that_does_not_hold(statement):
    arguments = {
        "b": 1,
        "t": True,
        "raw": b"x",
        "text": "x",
        "list": [1, 2],
        "map": {"k": 1},
        "empty": [],
    }
    assert not compile_policy([statement])(arguments)


@pytest.mark.parametrize(
    "statement",
    [
        ["!=", ".missing", 5],
        ["==", ".missing", None],
        ["==", ".raw[0]", 120],
        ["all", ".empty", ["==", ".", 1]],
        ["any", ".map", ["==", ".", 1]],
        ["not", ["==", ".b", True]],
    ],
)
def test_statement_that_holds(statement):
    assert compile_policy([statement])({"b": 1, "raw": b"x", "empty": [], "map": {"k": 1}})


@pytest.mark.parametrize(
    "policy",
    [
        None,
        {},
        ["==", ".a", 1],
        [["=", ".a", 1]],
        [["==", ".a"]],
        [["==", "a", 1]],
        [["<", ".a", "1"]],
        [["<", ".a", True]],
        [["like", ".a", 1]],
        [["and", ["==", ".a", 1]]],
        [["or", None]],
        [["not", []]],
        [["all", ".a", [["==", ".", 1]]]],
        [["match", ".a", "x"]],
        [[]],
        ["and"],
    ],
)
def test_policy_that_nobody_can_read_is_refused(policy):
    with pytest.raises(UcanError):
        compile_policy(policy)


@pytest.mark.parametrize(
    ("text", "pattern", "matches"),
    [
        ("", "", True),
        ("", "*", True),
        ("", "**", True),
        ("a", "", False),
        ("aba", "a*a", True),
        ("a", "a*a", False),
        ("xaybz", "x*y*z", True),
        ("xybaz", "x*a*b*z", False),
        ("a*b", r"a\*b", True),
        ("axb", r"a\*b", False),
        ("a*xb", r"a\**b", True),
        ("a.b", "a?b", False),
        ("ab\nc", "a*c", True),
        ("\\", "\\", True),
    ],
)
def test_glob(text, pattern, matches):
    assert like(text, pattern) is matches


@given(st.text(alphabet="ab*", max_size=12), st.lists(st.text(alphabet="ab*", max_size=4), max_size=4))
def test_glob_agrees_with_a_regular_expression(text, parts):
    pattern = "*".join(part.replace("*", r"\*") for part in parts)
    wanted = re.fullmatch(".*".join(re.escape(part) for part in parts), text, re.DOTALL)
    assert like(text, pattern) is bool(wanted)


leaves = (
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([0.0, 1.0, 2.5]) | st.text(max_size=2)
)
data = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
)


@given(data)
def test_value_is_the_same_as_itself(value):
    assert same(value, decode(encode(value)))


@given(st.lists(data, max_size=3), data)
def test_random_policy_is_refused_or_evaluates(policy, arguments):
    try:
        test = compile_policy(policy)
    except UcanError:
        return
    assert test(arguments) in {True, False}
