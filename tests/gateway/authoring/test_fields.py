"""Which fields of a body a draft tells people about, and which it hides."""

from gateway.authoring.fields import hidden, telling
from gateway.authoring.operations import Body, Operation, Schema

TEXT = Schema(type="string")


def op(members: dict[str, Schema], kind: str = "application/json", method: str = "POST") -> Operation:
    return Operation(method, "/x", "x", body=Body(kind, Schema(type="object", members=members)))


def test_the_most_telling_fields_come_first_and_three_are_enough() -> None:
    members = {
        "description": TEXT,
        "branch": TEXT,
        "name": TEXT,
        "size": TEXT,
        "private": Schema(type="boolean"),
    }
    assert [each.name for each in telling(op(members), ())] == ["name", "branch", "private"]
    assert telling(op(members), ())[2].written == 'private: {type: bool, from: "json:/private"}'


def test_an_amount_with_its_currency_is_money() -> None:
    (money,) = telling(op({"amount": Schema(type="integer"), "currency": TEXT}), ())
    assert money.written == 'money: {type: money, amount: "json:/amount", currency: "json:/currency"}'
    (amount,) = telling(op({"amount": Schema(type="integer")}), ())
    assert amount.name == "amount"
    assert telling(op({"amount": Schema(type="integer"), "currency": TEXT}), ("money",)) == ()


def test_what_the_path_captures_or_the_gateway_sets_is_not_told_twice() -> None:
    members = {"name": TEXT, "Name": TEXT, "path": TEXT, "ref[x]": TEXT, "status": Schema(type="object")}
    assert [each.name for each in telling(op(members), ("path",))] == ["name"]


def test_what_is_hidden_is_never_told() -> None:
    members = {
        "key": TEXT,
        "to": TEXT,
        "password": TEXT,
        "email": TEXT,
        "card": Schema(type="object", members={"cvc": TEXT, "x y": TEXT}),
    }
    assert [each.name for each in telling(op(members), ())] == ["key", "to"]
    assert hidden(op(members)) == (
        ("secret", "json:/password"),
        ("redact", "json:/email"),
        ("secret", "json:/card/cvc"),
    )
    form = op(members, "application/x-www-form-urlencoded")
    assert ("secret", "form:card[cvc]") in hidden(form)


def test_bodies_that_no_selector_reads_and_reads_have_neither() -> None:
    for made in (
        op({"name": TEXT, "password": TEXT}, "multipart/form-data"),
        op({"name": TEXT, "password": TEXT}, method="GET"),
        Operation("POST", "/x", "x"),
    ):
        assert telling(made, ()) == ()
        assert hidden(made) == ()


def test_odd_names_of_fields_are_left_alone() -> None:
    assert hidden(op({"pass word": TEXT, "p[assword]": TEXT, "token": Schema(type="array")})) == ()
