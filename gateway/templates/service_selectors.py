"""Selectors for what a whole family of services writes in its own way: AWS's calls and gRPC's methods."""

import re
from collections.abc import Sequence

from gateway.errors import ConfigError, Place, ambiguous
from gateway.formats.sigv4 import scope
from gateway.templates.fields import suggestion
from gateway.templates.reading import Found, read_pairs
from gateway.templates.view import View
from gateway.values import dataclass

AWS = ("service", "operation", "action", "region")
GRPC = ("service", "method")
_TARGET = re.compile(r"[A-Za-z0-9_.]{1,100}\.([A-Za-z0-9]{1,100})")
_RPC = re.compile(r"/service/[A-Za-z0-9_.]{1,100}/operation/([A-Za-z0-9]{1,100})")
_NAME = re.compile(r"[A-Za-z0-9]{1,100}")
_METHOD = re.compile(r"/([A-Za-z0-9_.]{1,200})/([A-Za-z0-9_]{1,200})")


@dataclass(frozen=True, slots=True)
class AwsPlace:
    """`operation`, also written `action`, is named by header, query, form or path: never by two of them."""

    what: str
    text: str
    reads_body: bool

    def read(self, view: View) -> Sequence[Found]:
        if self.what in {"operation", "action"}:
            return _operation(view)
        signed = scope(view.request.headers, view.query)
        if signed is None:
            return ()
        return (signed.service if self.what == "service" else signed.region,)


def _operation(view: View) -> Sequence[Found]:
    found = [*_from_target(view), *read_pairs(view.query, ("Action",)), *_from_path(view)]
    kind = view.rule.kind(view.request)
    if kind is None:
        raise ambiguous(
            "The body's content type is not one this service is known to read; send a listed one."
        )
    if kind == "form":
        found += read_pairs(view.body.form, ("Action",))
    if len(set(map(str, found))) > 1:
        raise ambiguous("The request names two AWS operations; send the one that you mean.")
    if found and not _NAME.fullmatch(str(found[0])):
        raise ambiguous("The AWS operation cannot be read.")
    return found[:1]


def _from_target(view: View) -> list[str]:
    """The end of X-Amz-Target; the start names the service's own version of the protocol."""
    values = view.request.header("x-amz-target")
    if len(values) > 1:
        raise ambiguous("The header X-Amz-Target stands there more than once; send it once.")
    if not values:
        return []
    found = _TARGET.fullmatch(values[0].strip())
    if found is None:
        raise ambiguous("The header X-Amz-Target cannot be read.")
    return [found[1]]


def _from_path(view: View) -> list[str]:
    """AWS's newest protocol names the operation in the path, with a header that says so."""
    found = _RPC.fullmatch(view.request.target.partition("?")[0])
    if found is None:
        return []
    if not view.request.header("smithy-protocol"):
        raise ambiguous("The path names an AWS operation, and no header says that it does.")
    return [found[1]]


@dataclass(frozen=True, slots=True)
class GrpcPlace:
    what: str
    text: str
    reads_body: bool = False

    def read(self, view: View) -> Sequence[Found]:
        types = view.request.header("content-type")
        kind = types[0].partition(";")[0].strip().lower() if len(types) == 1 else ""
        if kind != "application/grpc" and not kind.startswith("application/grpc+"):
            return ()
        found = _METHOD.fullmatch(view.request.target)
        if found is None:
            raise ambiguous("The path of a gRPC request names a service and a method.")
        return (found[1] if self.what == "service" else found[2],)


def service_selector(text: str, name: str, place: Place) -> AwsPlace | GrpcPlace:
    kind = text.partition(":")[0]
    known = AWS if kind == "aws" else GRPC
    if name not in known:
        near = suggestion(name, known) or f"There are: {', '.join(f'{kind}:{each}' for each in known)}."
        raise ConfigError(f"{text!r} does not say what to read.", place, near)
    if kind == "grpc":
        return GrpcPlace(name, text)
    return AwsPlace(name, text, reads_body=name in {"operation", "action"})
