"""Who is asking: the cookie, which other ports of this host see too, and the tab's own token, together."""

import re

from aiohttp import web

from gateway.desk.contract import Desk, DeskError, Session, SignedIn
from gateway.values import dataclass
from gateway.web.answers import json_answer
from gateway.web.security import sole

TAB_HEADER = "Secondsig-Tab"
COOKIE = "secondsig_session"
TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,256}")


@dataclass(frozen=True, slots=True)
class Sessions:
    desk: Desk
    https: bool

    @property
    def cookie(self) -> str:
        """`__Host-` keeps other subdomains from planting one; a browser takes it only with Secure."""
        return f"__Host-{COOKIE}" if self.https else COOKIE

    def find(self, request: web.Request) -> Session | None:
        cookie, tab = self._cookie_token(request), sole(request, TAB_HEADER)
        if not cookie or not tab or not TOKEN.fullmatch(tab):
            return None
        return self.desk.session(cookie, tab)

    def require(self, request: web.Request) -> Session:
        session = self.find(request)
        if session is None:
            raise DeskError(401, "signed_out", "Sign in with your passkey first.")
        return session

    def begin(self, signed_in: SignedIn) -> web.Response:
        """Replaces whatever cookie the browser brought: nobody signs in to a session made for them."""
        response = json_answer(signed_in.body)
        response.set_cookie(
            self.cookie, signed_in.cookie, path="/", httponly=True, samesite="Strict", secure=self.https
        )
        return response

    def end(self, response: web.Response) -> None:
        response.del_cookie(self.cookie, path="/", httponly=True, samesite="Strict", secure=self.https)

    def _cookie_token(self, request: web.Request) -> str | None:
        """Two cookies of the name mean that somebody planted one, and nobody can say which."""
        pairs = "; ".join(request.headers.getall("Cookie", [])).split(";")
        named = [pair.partition("=") for pair in pairs]
        values = [value.strip() for name, _, value in named if name.strip() == self.cookie]
        return values[0] if len(values) == 1 and TOKEN.fullmatch(values[0]) else None
