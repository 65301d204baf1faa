"""Money: an amount as written becomes a whole number of the currency's smallest unit, or is refused."""

import re
from collections.abc import Mapping
from typing import Literal

from gateway.errors import ambiguous
from gateway.model import Money
from gateway.values import dataclass

MAX_MINOR = 2**63 - 1

_NONE = "bif clp djf gnf isk jpy kmf krw pyg rwf ugx uyi vnd vuv xaf xof xpf"
_TWO = (
    "aed afn all amd aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob bov brl bsd btn bwp byn bzd cad "
    "cdf che chf chw cny cop cou crc cup cve czk dkk dop dzd egp ern etb eur fjd fkp gbp gel ghs gip "
    "gmd gtq gyd hkd hnl htg huf idr ils inr irr jmd kes kgs khr kpw kyd kzt lak lbp lkr lrd lsl mad "
    "mdl mga mkd mmk mnt mop mru mur mvr mwk mxn mxv myr mzn nad ngn nio nok npr nzd pab pen pgk php "
    "pkr pln qar ron rsd rub sar sbd scr sdg sek sgd shp sle sos srd ssp stn svc syp szl thb tjs tmt "
    "top try ttd twd tzs uah usd usn uyu uzs ved ves wst xcd yer zar zmw zwg"
)
_THREE = "bhd iqd jod kwd lyd omr tnd"
_FOUR = "clf uyw"

EXPONENTS: Mapping[str, int] = {
    code: exponent
    for exponent, codes in ((0, _NONE), (2, _TWO), (3, _THREE), (4, _FOUR))
    for code in codes.split()
}
"""ISO 4217's decimal places; a template's `exponents` say where a service differs."""

UNKNOWN = "xxx"
"""ISO 4217's code for no currency."""

_CODE = re.compile(r"[A-Za-z]{3,10}")
_WHOLE = re.compile(r"0|[1-9][0-9]{0,18}")
_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,18})(?:\.([0-9]{1,18}))?")


@dataclass(frozen=True, slots=True)
class MoneyRule:
    """How a service writes amounts."""

    unit: Literal["minor", "major"]
    exponents: Mapping[str, int]

    def exponent(self, currency: str) -> int | None:
        """None for a currency that nobody told us about."""
        return self.exponents.get(currency, EXPONENTS.get(currency))

    def knows(self, currency: str) -> bool:
        """Are the decimals of this currency known?"""
        return self.exponent(currency) is not None

    def read(self, amount: str, currency: str | None) -> Money:
        """An amount whose decimals cannot be known is of UNKNOWN currency: nobody can set a limit for it."""
        code = _code(currency)
        exponent = self.exponent(code)
        if self.unit == "minor":
            money = Money(code, _whole(amount), exponent or 0)
        elif exponent is not None:
            money = Money(code, _scaled(amount, exponent), exponent)
        else:
            money = _of_unknown(amount)
        if money.minor > MAX_MINOR:
            raise ambiguous("The amount is larger than any amount of money.")
        return money


def _code(currency: str | None) -> str:
    if currency is None:
        return UNKNOWN
    if not _CODE.fullmatch(currency):
        raise ambiguous("The currency is not a currency's code; send one such as usd.")
    return currency.lower()


def _of_unknown(amount: str) -> Money:
    decimals = len(amount.partition(".")[2])
    return Money(UNKNOWN, _scaled(amount, decimals), decimals)


def _whole(amount: str) -> int:
    if not _WHOLE.fullmatch(amount):
        raise ambiguous(
            "The amount is not a plain whole number of the smallest unit; write it in digits only."
        )
    return int(amount)


def _scaled(amount: str, exponent: int) -> int:
    found = _DECIMAL.fullmatch(amount)
    fraction = (found[2] or "") if found else ""
    if found is None or len(fraction) > exponent:
        raise ambiguous(f"The amount is not a plain number with at most {exponent} decimal places.")
    return int(found[1] + fraction.ljust(exponent, "0"))


def format_money(money: Money, *, known: bool = True) -> str:
    """As people write it: 600 JPY, 1234.56 EUR."""
    if money.currency == UNKNOWN:
        return f"{_decimal(money)} of an unknown currency"
    if not known:
        return f"{money.minor} of the smallest unit of {money.currency.upper()}"
    return f"{_decimal(money)} {money.currency.upper()}"


def _decimal(money: Money) -> str:
    digits = str(money.minor).rjust(money.exponent + 1, "0")
    if not money.exponent:
        return digits
    return f"{digits[: -money.exponent]}.{digits[-money.exponent :]}"
