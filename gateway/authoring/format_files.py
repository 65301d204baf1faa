"""The keys of a template's file outside its actions, and of overlays."""

from gateway.authoring.format_actions import ACTION_KEYS, HOST, METHOD, PATH, RISK
from gateway.authoring.shapes import Anything, Either, Key, Many, Names, Number, Of, Part, Scalar, Text, Word
from gateway.templates.decoding import ARGS, KINDS, SPLITS

TEMPLATE = Part(
    "template",
    "A template",
    "One file for one service: which request is which action, on which resource, how "
    "risky it is and how it reads "
    "to a person. It maps; Cedar decides.",
    (
        Key("format", "The version of this file format.", Number(1, 1), needed=True),
        Key(
            "service",
            "The service's name. Action ids are /service/…, for ever.",
            Text("^[a-z][a-z0-9-]*$", "shop"),
            needed=True,
        ),
        Key(
            "namespace",
            "Cedar's namespace of the resource types, as in Shop::Repo.",
            Text("^[A-Z][A-Za-z0-9]*$", "Shop"),
            needed=True,
        ),
        Key(
            "version",
            "The template's own version; it goes into every question and row with the file's digest.",
            Text(r"^[0-9]+\.[0-9]+\.[0-9]+$", "1.0.0"),
            needed=True,
        ),
        Key("title", "The service as people call it.", Text(), usual="the service's name"),
        Key(
            "vars",
            "What an operator may set under templates.NAME.vars; written ${name} anywhere below.",
            Names(Of("variable"), "a variable"),
        ),
        Key(
            "hosts",
            "Where the service answers: https on 443 unless written otherwise, as "
            "http://localhost:8080. {x} is one label, {x*} one or more and only leftmost. No "
            "host, no passage.",
            Many(HOST),
            needed=True,
        ),
        Key(
            "params",
            "What a capture may be, wherever it stands. This is what keeps patterns apart.",
            Names(Of("param"), "a capture"),
        ),
        Key(
            "resources",
            "What requests are about: Cedar entities, named from captures and context. A text "
            "stands for its id alone.",
            Names(Either((Text("", "{account}"), Of("resource"))), "a resource type"),
        ),
        Key(
            "decode",
            "How the upstream really reads bodies. The most specific rule that fits a request "
            "wins; one rule may have no `at`.",
            Many(Of("decode")),
            usual="JSON and forms by their content type, everything else opaque",
        ),
        Key("defaults", "Merged under every action.", Of("defaults")),
        Key(
            "opaque_ids",
            "accept: ids that name no parent (a number, a node id) do not raise the risk.",
            Word(("accept",)),
            usual="such requests step up",
        ),
        Key(
            "actions",
            "What requests can mean. The order does not matter: the narrower match wins.",
            Many(Of("action")),
        ),
        Key(
            "unmatched",
            "The floor for requests that no action names: /service/unmatched/read and …/write.",
            Of("unmatched"),
        ),
        Key(
            "examples",
            "Requests about several actions at once, and what must become of them.",
            Many(Of("example")),
        ),
    ),
    "The template",
)

OVERLAY = Part(
    "overlay",
    "An overlay",
    "A file of the operator's that tightens a template without copying it. It merges by "
    "id. Whatever is looser than "
    "before needs `loosen`, and shows as such.",
    (
        Key("overlay", "The service that it lies over.", Text("^[a-z][a-z0-9-]*$", "shop"), needed=True),
        Key(
            "requires",
            "The versions of the template that it was written for.",
            Text("", ">=1.2 <2"),
            needed=True,
        ),
        Key("actions", "Changes to actions by their id, and new, narrower actions.", Many(Of("entry"))),
        Key("unmatched", "Other floors for what no action names.", Of("floors")),
        Key(
            "examples",
            "Requests, and what must become of them under the overlay and the operator's variables.",
            Many(Of("example")),
        ),
    ),
    "The overlay",
)

VARIABLE = Part(
    "variable",
    "A variable",
    "What an operator may set. `${name}` is replaced before anything else is read.",
    (
        Key(
            "type",
            "What it holds: a list of hosts, a text, or a mapping of texts.",
            Word(("hosts", "string", "map")),
            usual="string",
        ),
        Key(
            "default",
            "What holds where the operator sets nothing; without it, it must be set.",
            Anything(),
        ),
    ),
    "The variable",
)

PARAM = Part(
    "param",
    "A param",
    "The rules of one capture. A dot segment is refused whatever stands here.",
    (
        Key("pattern", "A regular expression for the whole value; not for {x*}.", Text("", "[0-9]+")),
        Key("enum", "The values it may have, in the place of a pattern.", Many(Scalar())),
        Key(
            "fold",
            "lower: the upstream ignores case, so the value is folded before it becomes part of an id.",
            Word(("lower",)),
        ),
        Key(
            "slash",
            "encoded: the value may hold %2F, which is refused everywhere else.",
            Word(("encoded",)),
        ),
    ),
    "The param",
)

RESOURCE = Part(
    "resource",
    "A resource",
    "A type of Cedar entity.",
    (
        Key(
            "id",
            "The entity's id; of several, the first whose names are all bound.",
            Many(Text("", "{owner}/{repo}")),
            needed=True,
        ),
        Key("in", "Types of its parents, named from the same request.", Many(Text("", "Org"))),
        Key(
            "at",
            "Paths at or below which a request is about it, where its action says nothing else.",
            Many(PATH),
        ),
        Key(
            "attributes",
            "Attributes that operators may give it in their entities; policies ask for them with has.",
            Names(Word(("string", "int", "bool", "set")), "an attribute"),
        ),
    ),
    "The resource",
)

DECODE = Part(
    "decode",
    "A decode rule",
    "How the upstream reads the bodies of the requests that fit.",
    (
        Key(
            "at",
            "Which requests it is about; conditions on the body are not possible here.",
            Of("match"),
            usual="all that no other rule is about",
        ),
        Key(
            "body",
            'The reader, by content type ("*" is any other), or one reader whatever the content type says.',
            Either((Word(KINDS), Names(Word(KINDS), "a content type"))),
        ),
        Key(
            "args",
            "Where arg:x may stand; in more than one of them it is refused.",
            Many(Word(ARGS)),
            usual=", ".join(ARGS),
        ),
        Key(
            "split",
            "How one request is taken apart into several meanings, each asked about alone.",
            Word(tuple(SPLITS)),
        ),
    ),
    "A decode rule",
)

DEFAULTS = Part(
    "defaults",
    "Defaults",
    "What every action has unless it says otherwise; redact and secret are added to each action's own.",
    tuple(key for key in ACTION_KEYS if key.name in {"bind", "approval", "redact", "secret"}),
    '"defaults"',
)

UNMATCHED = Part(
    "unmatched",
    "What no action names",
    "Floors for the actions /service/unmatched/read and …/write, which are in the group "
    "unmatched and never win over another.",
    (
        Key("read", "For methods that read.", RISK, usual="low"),
        Key("write", "For all others.", RISK, usual="step_up"),
    ),
    '"unmatched"',
)

EXAMPLE = Part(
    "example",
    "An example",
    "A request, and what the template must make of it. `secondsig template test` runs them all.",
    (
        Key("vars", "Variables under which it holds; not in overlays.", Names(Anything(), "a variable")),
        Key("request", "What is sent.", Of("request"), needed=True),
        Key(
            "expect",
            "What must become of it: one meaning, or a list of them.",
            Many(Of("expect")),
            needed=True,
        ),
    ),
    "An example",
)

REQUEST = Part(
    "request",
    "An example's request",
    "json and form set the content type, unless a header does.",
    (
        Key("method", "Its method.", METHOD, needed=True),
        Key(
            "url",
            "The whole address.",
            Text("^https?://", "https://api.example.com/v1/orders/7"),
            needed=True,
        ),
        Key("headers", "Headers by name.", Names(Scalar(), "a header")),
        Key("json", "A JSON body; numbers are sent as they are written.", Anything()),
        Key(
            "form",
            "A form: as it stands on the wire, or values by name.",
            Either((Text("", "a=1&b=2"), Names(Many(Scalar()), "a field"))),
        ),
        Key("body", "Any other body, as text.", Text()),
    ),
    '"request"',
)

EXPECT = Part(
    "expect",
    "What an example expects",
    "At least one of these.",
    (
        Key("action", "The action's whole name.", Text("^/", "/shop/repo/put_file")),
        Key("resource", "The resource as Cedar writes it.", Text("", 'Shop::Repo::"acme/site"')),
        Key("risk", "The risk.", RISK),
        Key("summary", "The whole sentence.", Text()),
        Key(
            "context",
            "Attributes that must have these values; (absent) for one that must not be there.",
            Names(Anything(), "an attribute"),
        ),
        Key("refused", "The reason of the refusal, as ambiguous_request.", Text("", "ambiguous_request")),
    ),
    '"expect"',
)

FLOORS = Part(
    "floors",
    "An overlay's floors",
    "As a template's `unmatched`.",
    (
        Key("read", "For methods that read.", RISK),
        Key("write", "For all others.", RISK),
        Key("loosen", "Why a floor may be lower than before.", Text()),
    ),
    '"unmatched"',
)
