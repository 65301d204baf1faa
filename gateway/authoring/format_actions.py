"""The keys of an action, and of the mappings inside it."""

from gateway.authoring.shapes import Either, Flag, Key, Many, Names, Number, Of, Part, Scalar, Text, Word
from gateway.model import Mode, Risk
from gateway.templates.action import GROUPS, SHOWN_AS
from gateway.templates.asking import MAX_QUORUM
from gateway.templates.values import TYPES

TIME = Text(r"^[1-9][0-9]{0,5}(s|m|h)$", "2m")
SELECTOR = Text("", "json:/amount")
RISK = Word(tuple(map(str, Risk)))
PATH = Text("^/", "/repos/{owner}/{repo}")
HOST = Text("", "api.example.com")
METHOD = Text("^[A-Z]+$", "POST")

ACTION_KEYS = (
    Key(
        "id",
        "The action's name, for ever: noun/verb in small letters.",
        Text("^[a-z0-9_]+(/[a-z0-9_]+)*$", "repo/put_file"),
        needed=True,
    ),
    Key(
        "title",
        "What the action does, in a few words; a notification shows it.",
        Text(),
        usual="made of the id",
    ),
    Key(
        "match",
        "Which requests are this action. If two actions overlap, one must be contained in the other.",
        Of("match"),
        needed=True,
    ),
    Key(
        "query_only",
        "The only query keys that the action may carry; with any other key it is not this action.",
        Many(Scalar()),
    ),
    Key(
        "over",
        "Ids of actions that this one beats where both match and neither is contained in the other.",
        Many(Scalar()),
    ),
    Key(
        "resource",
        "The resource type that the action is about, or Host.",
        Text("", "Repo"),
        usual="the deepest `at` of the path, else Host",
    ),
    Key("groups", "Cedar groups: one policy about a group covers every service.", Many(Word(GROUPS))),
    Key(
        "access",
        "Whether it reads or writes; a group as well.",
        Word(("read", "write")),
        usual="read for GET, HEAD and OPTIONS, else write",
    ),
    Key(
        "risk",
        "The floor under the policy's decision: low (policy alone decides), step_up (people "
        "are asked), forbid.",
        RISK,
        usual="low",
    ),
    Key(
        "opaque_ids",
        "accept: an id that names no parent does not raise this action's risk.",
        Word(("accept",)),
    ),
    Key(
        "context", "What policies can ask about, and summaries can say.", Names(Of("context"), "an attribute")
    ),
    Key(
        "summary",
        "The sentence people read. {name} is a capture or a context field; […] vanishes when "
        "a value in it is missing. Filters: or, plural, short, list, bytes, as "
        "{size|plural:byte,bytes}.",
        Text("", "Refund {money|or:the whole amount} on {account}"),
        needed=True,
    ),
    Key("approval", "How people are asked.", Of("approval")),
    Key("bind", "What of the request an approval binds.", Of("bind")),
    Key(
        "redact",
        "Values hidden from notifications, lists and exports; the approver reveals them before signing.",
        Many(SELECTOR),
    ),
    Key("secret", "Values that nobody sees: length and a salted commitment only.", Many(SELECTOR)),
    Key("show", "How long values are laid out for reading.", Names(Of("show"), "what is shown")),
    Key("undo", "What the page says about regret.", Of("undo")),
    Key("outcome", "How an answer of 200 can mean no.", Of("outcome")),
    Key(
        "upgrade",
        "Protocols that the action knows its connection may change to; without it, such a "
        "request is no read.",
        Many(Word(("websocket",))),
    ),
    Key("examples", "Requests, and what must become of them.", Many(Of("example"))),
)

ACTION = Part(
    "action",
    "An action",
    "Something that a request can mean.",
    ACTION_KEYS,
    "The action",
)

ENTRY = Part(
    "entry",
    "An overlay's action",
    "Changes to the action of that id; with `match` and `summary`, a new action. "
    "approval, bind, context and show are "
    "merged key by key, groups, redact and secret are added to, the rest is replaced.",
    (
        ACTION_KEYS[0],
        Key(
            "loosen",
            "Why something in this entry may be looser than before; shown wherever the action is.",
            Text("", "Agreed with finance, 2026-11"),
        ),
        *(Key(key.name, key.says, key.shape) for key in ACTION_KEYS[1:]),
    ),
    "The entry",
)

INSIDE: tuple[Part, ...] = (
    Part(
        "match",
        "A match",
        "Which requests are meant. All that is named must fit.",
        (
            Key("method", "One method or several.", Many(METHOD), usual="any"),
            Key("host", "Hosts, in the place of the template's.", Many(HOST), usual="the template's hosts"),
            Key(
                "path",
                "Paths, written decoded. {x} is one segment, {x*} one or more and at most once; "
                "either may have fixed text around it, as {name}:cancel, or a second capture behind one "
                "sign, as {name*}:{verb}. A slash at the end counts.",
                Many(PATH),
            ),
            Key(
                "where",
                "Conditions, by place. Each is true, false or unknown, and unknown refuses the request.",
                Names(
                    Either((Of("condition"), Many(Scalar()))),
                    "a place, as json:/draft, query:name, header:Name, arg:name or body",
                ),
            ),
        ),
        '"match"',
    ),
    Part(
        "condition",
        "A condition",
        "A set of values: one value, a list, the words present or absent, or one of these.",
        (
            Key("not", "Every value but these.", Many(Scalar())),
            Key("glob", "Texts that look like this; * stands for any characters.", Text("", "delete*")),
        ),
        "A condition",
    ),
    Part(
        "context",
        "A context field",
        "A typed value out of the request. What cannot be read as its type is refused. For "
        "money: amount and currency in the place of from.",
        (
            Key(
                "from",
                "Where it stands, as path.owner, json:/branch, form:a[b], arg:amount, query:q, "
                "header:Name or body.bytes.",
                SELECTOR,
            ),
            Key(
                "type",
                "What it is. Only a set and a count may stand there more than once.",
                Word(TYPES),
                usual="string",
            ),
            Key(
                "default",
                "What holds where nothing stands there; it makes the attribute required in Cedar.",
                Scalar(),
            ),
            Key(
                "missing",
                "refuse: a request without it is refused, and the attribute is required in Cedar.",
                Word(("absent", "refuse")),
                usual="absent",
            ),
            Key("enum", "The values it may have; any other is refused.", Many(Scalar())),
            Key("fold", "lower: the value is folded to lower case.", Word(("lower",))),
            Key("amount", "Of money: where the amount stands.", SELECTOR),
            Key("currency", "Of money: where the currency stands.", SELECTOR),
            Key(
                "unit",
                "Of money: whether the amount counts the currency's smallest unit, as 600 for 6.00.",
                Word(("minor", "major")),
                usual="minor",
            ),
            Key(
                "exponents",
                "Of money: decimal places of currencies where the service departs from ISO 4217.",
                Names(Number(0, 8), "a currency"),
            ),
            Key(
                "default_currency",
                "Of money: the currency of requests that name none.",
                Either((Text("", "jpy"), Of("default_currency"))),
            ),
        ),
        "The context field",
    ),
    Part(
        "default_currency",
        "A default currency",
        "A currency for each account.",
        (
            Key("by", "Where the account stands.", SELECTOR, needed=True),
            Key("of", "Currencies by account.", Names(Scalar(), "an account"), needed=True),
            Key(
                "else",
                "For every other account.",
                Text("", "eur"),
                usual="no currency, so no limit covers it",
            ),
        ),
        '"default_currency"',
    ),
    Part(
        "approval",
        "An approval",
        "How people are asked. Whatever is left out, the operator's settings decide.",
        (
            Key(
                "ttl",
                "How long the question is open: at most 5m if it is held, else what the operator allows.",
                TIME,
            ),
            Key("quorum", "How many people must sign.", Number(1, MAX_QUORUM), usual="1"),
            Key(
                "mode",
                "hold: the connection waits. reject: the agent comes back. async: the gateway sends later.",
                Word(tuple(map(str, Mode))),
            ),
            Key(
                "hold_for",
                "How long a connection is held: a time, or auto for what its client is known to bear.",
                Either((Word(("auto",)), TIME)),
            ),
            Key(
                "approvers",
                "The only group whose members may sign; it can only narrow what policy allows.",
                Text(r'^Group::"[^"\\]+"$', 'Group::"platform"'),
            ),
            Key(
                "batch",
                "Requests of one agent under one such name, with the same action and purpose, may be signed "
                "together. Where a name in it has no value, a request is signed alone.",
                Text("", "{owner}/{repo}"),
            ),
            Key("single_use", "No grant may cover it.", Flag(), usual="false"),
        ),
        '"approval"',
    ),
    Part(
        "bind",
        "What is bound",
        "What an approval holds the request to. Everything that is not volatile is bound.",
        (
            Key(
                "body",
                "exact: byte by byte. decoded: what the body says; the approved bytes are sent.",
                Word(("exact", "decoded")),
                usual="exact",
            ),
            Key(
                "volatile",
                "Single values that may change from one retry to the next. Nothing that decides or is"
                " shown may be volatile.",
                Many(SELECTOR),
            ),
            Key(
                "credential",
                "whole: the agent's own credential is bound; or the place of the part that is.",
                Text("", "whole"),
                usual="whole",
            ),
        ),
        '"bind"',
    ),
    Part(
        "show",
        "What is shown",
        "One long value, laid out.",
        (
            Key("from", "Where it stands.", SELECTOR, needed=True),
            Key("as", "How it is laid out.", Word(SHOWN_AS), usual="text"),
        ),
        "of show",
    ),
    Part(
        "undo",
        "Undo",
        "Whether this can be taken back.",
        (
            Key(
                "how",
                "How hard that is; never counts as high intent risk.",
                Word(("easy", "hard", "never")),
                needed=True,
            ),
            Key("note", "A sentence about it.", Text()),
        ),
        '"undo"',
    ),
    Part(
        "outcome",
        "An outcome",
        "Recorded after the answer; it never decides anything.",
        (
            Key(
                "failed_when",
                "Values in the answer's JSON that mean no, by place; all of them must be there. `present` "
                "is any value. An answer that cannot be read is `unclear`, never a success.",
                Names(Scalar(), "a place in the answer, as json:/ok"),
                needed=True,
            ),
        ),
        '"outcome"',
    ),
)
