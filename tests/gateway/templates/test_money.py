import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Refusal
from gateway.model import Money
from gateway.templates.money import EXPONENTS, MoneyRule, format_money

MINOR = MoneyRule("minor", {"isk": 2})
MAJOR = MoneyRule("major", {})


@pytest.mark.parametrize(
    ("rule", "amount", "currency", "money", "text"),
    [
        (MINOR, "600", "jpy", Money("jpy", 600, 0), "600 JPY"),
        (MINOR, "123456", "EUR", Money("eur", 123456, 2), "1234.56 EUR"),
        (MINOR, "500", "isk", Money("isk", 500, 2), "5.00 ISK"),
        (MINOR, "5", "usd", Money("usd", 5, 2), "0.05 USD"),
        (MINOR, "0", "usd", Money("usd", 0, 2), "0.00 USD"),
        (MAJOR, "600", "CNY", Money("cny", 60000, 2), "600.00 CNY"),
        (MAJOR, "1.5", "usd", Money("usd", 150, 2), "1.50 USD"),
        (MAJOR, "600", "jpy", Money("jpy", 600, 0), "600 JPY"),
        (MAJOR, "1.234", "kwd", Money("kwd", 1234, 3), "1.234 KWD"),
        (MINOR, "600", None, Money("xxx", 600, 0), "600 of an unknown currency"),
        (MAJOR, "600.5", None, Money("xxx", 6005, 1), "600.5 of an unknown currency"),
        (MAJOR, "600.5", "qqq", Money("xxx", 6005, 1), "600.5 of an unknown currency"),
    ],
)
def test_amounts(rule: MoneyRule, amount: str, currency: str | None, money: Money, text: str) -> None:
    assert rule.read(amount, currency) == money
    assert format_money(money) == text


def test_an_unknown_currency_says_that_its_decimals_are_unknown() -> None:
    money = MINOR.read("600", "QQQ")
    assert money == Money("qqq", 600, 0)
    assert MINOR.exponent("qqq") is None
    assert format_money(money, known=False) == "600 of the smallest unit of QQQ"


@pytest.mark.parametrize("rule", [MINOR, MAJOR])
@pytest.mark.parametrize(
    "amount",
    [
        "-600",
        "6e2",
        "+600",
        "",
        " 600",
        "0600",
        "6_00",
        "600.",
        ".5",
        "1,000",
        "0x10",
        "NaN",
        "٦٠٠",
        "9" * 19,
        "9" * 40,
        "1.555",
    ],
)
@pytest.mark.parametrize("currency", ["usd", "jpy"])
def test_amounts_that_could_pass_for_small_ones_are_refused(
    rule: MoneyRule, amount: str, currency: str
) -> None:
    with pytest.raises(Refusal):
        rule.read(amount, currency)


def test_a_fraction_of_the_smallest_unit_is_refused() -> None:
    for rule, amount, currency in ((MINOR, "600.0", "usd"), (MAJOR, "600.5", "jpy"), (MAJOR, "-1", None)):
        with pytest.raises(Refusal):
            rule.read(amount, currency)


@pytest.mark.parametrize("currency", ["", "u", "us dollar", "usd\n", "$", "ｕｓｄ", "usd2", "x" * 11])
def test_what_is_no_currency_code_is_refused(currency: str) -> None:
    with pytest.raises(Refusal):
        MINOR.read("1", currency)


@given(st.integers(0, 10**15), st.sampled_from(sorted(EXPONENTS)))
def test_what_is_written_is_what_was_read(minor: int, currency: str) -> None:
    text = format_money(MINOR.read(str(minor), currency))
    amount, code = text.split()
    exponents = {"isk": 2}
    assert MoneyRule("major", exponents).read(amount, code) == MINOR.read(str(minor), currency)


@given(st.text(max_size=12), st.text(max_size=5) | st.none())
def test_any_text_is_money_or_refused(amount: str, currency: str | None) -> None:
    for rule in (MINOR, MAJOR):
        try:
            money = rule.read(amount, currency)
        except Refusal:
            continue
        assert 0 <= money.minor < 2**63
