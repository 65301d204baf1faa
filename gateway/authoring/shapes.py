"""The words in which the template format is described: what a key may hold."""

from gateway.values import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """A text, perhaps of a form; `like` is an example of one."""

    pattern: str = ""
    like: str = ""


@dataclass(frozen=True, slots=True)
class Word:
    """One of these."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Number:
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text, a number, true or false, as it is written."""


@dataclass(frozen=True, slots=True)
class Anything:
    """Whatever YAML holds."""


@dataclass(frozen=True, slots=True)
class Of:
    """A mapping that is described under this name."""

    part: str


@dataclass(frozen=True, slots=True)
class Many:
    """One of the shape, or a list of them."""

    shape: "Shape"


@dataclass(frozen=True, slots=True)
class Names:
    """A mapping from names of the author's own; `of` says of what."""

    shape: "Shape"
    of: str


@dataclass(frozen=True, slots=True)
class Either:
    shapes: "tuple[Shape, ...]"


type Shape = Text | Word | Number | Flag | Scalar | Anything | Of | Many | Names | Either


@dataclass(frozen=True, slots=True)
class Key:
    """`usual` is what holds where the key is left out."""

    name: str
    says: str
    shape: Shape
    needed: bool = False
    usual: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of mapping. `loader` is what the loader calls it in its messages, names left out."""

    name: str
    title: str
    says: str
    keys: tuple[Key, ...]
    loader: str = ""
