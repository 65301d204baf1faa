from gateway.authoring.steps import Step


def test_a_step_is_its_lines_and_its_data() -> None:
    step = Step("path", "Path", ("   a", "b"), {"segments": ["a"]})
    assert step.as_json() == {"step": "path", "says": ["a", "b"], "segments": ["a"]}
