import inspect

from gateway.gate import Gate
from tests.gateway.proxy.harness import FakeGate


def test_the_tests_own_gate_has_every_question_of_the_real_one():
    gate: Gate = FakeGate()
    for name, asked in inspect.getmembers(Gate, inspect.isfunction):
        if not name.startswith("_"):
            assert inspect.signature(getattr(type(gate), name)) == inspect.signature(asked), name
