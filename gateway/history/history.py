"""Every agent's past, and what is reserved of its sums.

Reading and reserving are one step: between `moment` and `passed`, `refused` or `holding` the pipeline awaits
nothing, and all of it runs on one event loop. So of two concurrent requests the second always sees the first:
no sum can be read before what was decided on it is counted.

What is counted here is also told to the store, which writes it with the rows of the same moment; what a
question reserves is written in the transaction that opens it, and is read back by the state of its envelope.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.board import Board
from gateway.canonical import credential_name, merge_binds, short_name
from gateway.envelopes import Envelope, State
from gateway.errors import Refusal
from gateway.history.holding import Held
from gateway.history.moment import Moment, Unusual, Waited, money_of, unusual
from gateway.history.past import Past
from gateway.history.windows import DAY, FIVE_MINUTES
from gateway.keys import Keys
from gateway.model import Mapped, Request
from gateway.payload import Observed
from gateway.questions import Names, names_of
from gateway.rules import Rules
from gateway.store.contract import Store
from gateway.store.things import Reserved
from gateway.values import dataclass

GIVES_BACK = frozenset({State.DENIED, State.EXPIRED, State.CANCELLED, State.LAPSED, State.REVOKED})
"""States in which nothing was sent. What is unknown may have been: it keeps its share."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A request that people are to be asked about: what they are told of its agent, and what it reserves."""

    history: "History"
    held: Held
    risk: tuple[str, tuple[str, ...]]
    observed: Observed

    @property
    def reserved(self) -> Reserved:
        return self.held.reserved

    def opened(self, envelope: Envelope) -> None:
        self.history.opened(self.held, envelope)

    def passed(self) -> None:
        """Nobody is asked after all: what was reserved is spent, in one step."""
        self.history.let_pass(self.held)

    def joined(self) -> None:
        """The same question was open already, and has reserved what this one would."""
        self.history.give_back(self.held)


class History:
    """One of these serves the whole gateway."""

    def __init__(self, store: Store, keys: Keys, board: Board) -> None:
        self._store, self._keys = store, keys
        self._pasts: dict[str, Past] = {}
        self._open: dict[str, Held] = {}
        board.listen(self.changed)

    async def load(self) -> None:
        """What a restart must not forget."""
        for tally in await self._store.tallies():
            self._past(tally.agent).recall(tally)
        since = self._store.now() - DAY - FIVE_MINUTES
        for found in await self._store.reservations(since):
            envelope = found.envelope
            held = Held(envelope.agent, envelope.opened_at, found.reserved)
            self._stand_for(held, envelope)
            self.changed(envelope)

    def moment(self, request: Request, mapped: Mapped, rules: Rules) -> Moment:
        """This request against its agent's past, before anything is decided."""

        def names() -> Names:
            return names_of(request, mapped, rules.library.body(request), rules.settings, self._keys)

        return self._moment(request, mapped, names)

    def at_spend(self, request: Request, mapped: Mapped, envelope: Envelope) -> Moment:
        """The same request again, once people have signed: it was counted when it came, and counts once."""
        return self._moment(request, mapped, spends=envelope)

    def while_waiting(self, envelope: Envelope, mapped: Mapped) -> Waited:
        """Its agent's past, as policy is asked about a question before it is decided."""
        return Waited(self._past(envelope.agent), envelope, mapped, self._store.now())

    def passed(self, moment: Moment) -> None:
        """Nobody was asked: it goes, or only its row says what would have been decided."""
        past, what, now = moment.past, moment.what, moment.now
        self._store.tally((*past.came(what.actions, now), *past.passed(what, now), *past.spent(what, now)))

    def refused(self, moment: Moment) -> None:
        """It came, and is no part of what this agent usually does."""
        self._store.tally(tuple(moment.past.came(moment.what.actions, moment.now)))

    @contextmanager
    def holding(self, moment: Moment) -> Iterator[Asking]:
        """Reserves what this request would add, until its question is open and stands for it.

        A refusal gives it back. After any other failure nobody knows whether the question was opened: then it
        counts as spent.
        """
        past = moment.past
        held = Held(past.name, moment.now, moment.what)
        asking = Asking(self, held, moment.risk, moment.observed)
        past.questions.add(held.at)
        past.held.add(held)
        self.refused(moment)
        try:
            yield asking
        except Refusal:
            self.give_back(held)
            raise
        except BaseException:
            if held in past.held and held.envelope is None:
                past.held.remove(held)
                self._store.tally(tuple(past.spent(held.reserved, moment.now)))
            raise
        self.give_back(held)

    def let_pass(self, held: Held) -> None:
        past, what = self._past(held.agent), held.reserved
        self.give_back(held)
        self._store.tally((*past.passed(what, held.at), *past.spent(what, held.at)))

    def opened(self, held: Held, envelope: Envelope) -> None:
        """The question is open: from here on its state says what becomes of what it reserves."""
        self._stand_for(held, envelope)
        self._store.tally(tuple(self._past(held.agent).opened(held.at)))

    def _stand_for(self, held: Held, envelope: Envelope) -> None:
        held.envelope, held.join = envelope.id, (envelope.join_key, envelope.join_scope)
        self._past(held.agent).held.add(held)
        self._open[envelope.id] = held

    def give_back(self, held: Held) -> None:
        """Unless its question is open: the same one was open already, or it was refused before."""
        past = self._past(held.agent)
        if held.envelope is None and held in past.held:
            past.held.remove(held)
            past.questions.take(held.at)

    def changed(self, envelope: Envelope) -> None:
        """A question took a step: what was sent is spent from now on, what was not sent is given back."""
        held = self._open.get(envelope.id)
        if held is None:
            return
        past = self._past(held.agent)
        if envelope.state in {State.PENDING, State.APPROVED}:
            self._unspend(past, held)
            return
        if envelope.state in GIVES_BACK:
            self._forget(past, held)
        elif held.spent_at is None:
            self._spend(past, held, envelope)
        if envelope.state is not State.SPENT:
            del self._open[envelope.id]

    def _spend(self, past: Past, held: Held, envelope: Envelope) -> None:
        held.spent_at = envelope.spent_at or self._store.now()
        past.held.remove(held)
        for _kept_with_the_question in past.spent(held.reserved, held.spent_at):
            pass
        self._store.tally(tuple(past.passed(held.reserved, held.spent_at)))

    def _forget(self, past: Past, held: Held) -> None:
        """Nothing was sent, and nothing will be."""
        if held.spent_at is None:
            past.held.remove(held)
        else:
            past.returned(held.reserved, held.spent_at)

    def _unspend(self, past: Past, held: Held) -> None:
        """Nothing was sent: it waits again."""
        if held.spent_at is not None:
            past.returned(held.reserved, held.spent_at)
            past.held.add(held)
            held.spent_at = None

    def unusual(self, agent: str) -> Unusual | None:
        """Whether this agent asks people far more than it usually does."""
        past = self._pasts.get(agent)
        return unusual(past, self._store.now()) if past is not None else None

    def _past(self, agent: str) -> Past:
        known = self._pasts.get(agent)
        if known is None:
            known = self._pasts[agent] = Past(agent)
        return known

    def _moment(
        self,
        request: Request,
        mapped: Mapped,
        names: Callable[[], Names] | None = None,
        spends: Envelope | None = None,
    ) -> Moment:
        return Moment(
            self._past(request.caller.agent),
            request,
            mapped,
            self._reserved(request, mapped),
            self._store.now(),
            names=names,
            spends=spends,
        )

    def _reserved(self, request: Request, mapped: Mapped) -> Reserved:
        units, key = mapped.units, self._keys.digest
        loose = merge_binds(units).volatile if any(unit.bind.volatile for unit in units) else ()
        return Reserved(
            actions=tuple({unit.action: None for unit in units}),
            resources=tuple({short_name(str(unit.resource), key): None for unit in units}),
            credential=credential_name(request, key, loose),
            address=short_name(request.caller.peer, key),
            money=money_of(mapped),
        )
