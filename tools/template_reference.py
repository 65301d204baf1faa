"""Writes docs/reference/templates.md from the format's description. `python -m tools.template_reference`."""

from pathlib import Path

from gateway.authoring.findings import NAMES
from gateway.authoring.format import BY_NAME, PARTS
from gateway.authoring.shapes import (
    Either,
    Flag,
    Key,
    Many,
    Names,
    Number,
    Of,
    Part,
    Scalar,
    Shape,
    Text,
    Word,
)

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "templates.md"
HEAD = """\
# Templates

Every key of the [template format](../guides/template-authors.md). This page is generated: `python -m
tools.template_reference` writes it from the description that `secondsig template schema` prints as a JSON
Schema.

For completion, hover and checking in an editor with a YAML language server, write the schema into a file,
`secondsig template schema > secondsig-template.schema.json`, and name that in the template's first line:

```yaml
# yaml-language-server: $schema=secondsig-template.schema.json
format: 1
```

The YAML is read as YAML 1.2: `no` is a word, `1:30` a text. A key that stands twice and a key that is not
listed here are errors. Where a list is possible, one value may stand for a list of itself. In `hosts`,
`params`, `resources`, `decode`, `defaults` and `actions`, `${name}` is replaced by the variable of that name
before anything else is read.
"""
LINT = """\
## What lint finds

`secondsig template lint` names each finding by one of these words, which stay the same.

| name | what it means |
|---|---|
"""


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Wrote {PAGE}")


def page() -> str:
    """The whole page."""
    rows = "".join(f"| `{name}` | {_cell(says)} |\n" for name, says in NAMES.items())
    return f"{HEAD}\n{''.join(_section(part) for part in PARTS)}{LINT}{rows}"


def _section(part: Part) -> str:
    rows = "".join(_row(key) for key in part.keys)
    head = "| key | holds | usually | what it says |\n|---|---|---|---|\n"
    return f"## {part.title}\n\n{part.says}\n\n{head}{rows}\n"


def _row(key: Key) -> str:
    usual = "needed" if key.needed else key.usual
    return f"| `{key.name}` | {_cell(holds(key.shape))} | {_cell(usual)} | {_cell(key.says)} |\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def holds(shape: Shape) -> str:
    """What a key may hold, in words."""
    match shape:
        case Text(_, like):
            return f"text, as `{like}`" if like else "text"
        case Word(words):
            return ", ".join(f"`{word}`" for word in words)
        case Number(least, most):
            return f"{least} to {most}" if least < most else f"`{least}`"
        case Of(part):
            title = BY_NAME[part].title
            return f"[{title.lower()}](#{title.lower().replace(' ', '-').replace(chr(39), '')})"
        case Many(inner):
            return f"one or a list: {holds(inner)}"
        case Names(inner, of):
            return f"by {of.removeprefix('a ').removeprefix('an ')}: {holds(inner)}"
        case Either(alternatives):
            return ", or ".join(holds(each) for each in alternatives)
        case Flag():
            return "`true`, `false`"
        case Scalar():
            return "text, number, `true`, `false`"
        case _:
            return "anything"


if __name__ == "__main__":
    main()
