from dataclasses import fields

from gateway.store.deliveries import COLUMNS
from gateway.store.schema import DELIVERIES
from gateway.store.things import Delivery
from tests.kit.clocks import START
from tests.kit.things import ENVELOPE


def test_every_field_is_a_column_and_nothing_else_is() -> None:
    columns = DELIVERIES.partition("(\n")[2].partition(", PRIMARY KEY")[0].replace("\n", " ")
    assert {part.split()[0] for part in columns.split(",")} == set(COLUMNS)
    assert tuple(field.name for field in fields(Delivery)) == COLUMNS


def test_a_new_delivery_waits_to_be_tried() -> None:
    made = Delivery(ENVELOPE, "asked", "mail", "Mika", START, START, START)
    assert (made.state, made.attempts, made.error) == ("queued", 0, None)
