"""A review that broken glass left open, closed by a second person who signs a verdict."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.audit import Kind
from gateway.backing import Backers
from gateway.board import Board
from gateway.desk.changing import Plan, Signed, done, only, text_of
from gateway.desk.contract import DeskError, JsonObject
from gateway.directory import Directory
from gateway.envelopes import Envelope
from gateway.payload import utc
from gateway.rules import Rules
from gateway.store.contract import Store
from gateway.store.things import Breaking, Review
from gateway.store.writes import CloseReview

VERDICTS = {"justified": "was right", "not_justified": "was wrong"}
MAX_NOTE = 280


@dataclass
class CloseOne:
    """Closes it with a verdict and a note: whoever signed or lent a right to it, and the owner, may not."""

    store: Store
    directory: Directory
    board: Board
    rules: Callable[[], Rules]
    backers: Backers

    async def plan(self, person: str, asked: JsonObject) -> Plan:
        only(asked, "envelope", "verdict", "note")
        envelope = await self._envelope(text_of(asked, "envelope"))
        review = await self._open(envelope.id)
        verdict, note = text_of(asked, "verdict"), self._note(asked)
        if verdict not in VERDICTS:
            raise DeskError(400, "bad_request", f"verdict has to be one of {', '.join(VERDICTS)}.")
        broken = await self.store.breakings(envelope.id)
        await self._check_second(person, envelope, review)
        says = f"Breaking glass for {envelope.action} of {envelope.agent} {VERDICTS[verdict]}."
        return Plan(says, {"review": _told(envelope, broken), "verdict": verdict, "note": note})

    async def perform(self, plan: Plan, signed: Signed) -> JsonObject:
        envelope = await self._envelope(plan.change["review"]["envelope"])
        verdict, note = plan.change["verdict"], plan.change["note"]
        row = signed.row(
            Kind.REVIEW,
            "step_up",
            reason=verdict,
            agent=envelope.agent,
            envelope=envelope.id,
            action=envelope.action,
            resource=envelope.resource,
            config_digest=self.rules().digest,
            detail=note,
        )
        done(await signed.apply(CloseReview(envelope.id, signed.person, verdict, note, signed.at), [row]))
        self.board.changed(envelope)
        return {"envelope": envelope.id, "verdict": verdict}

    async def _envelope(self, envelope_id: str) -> Envelope:
        envelope = await self.store.envelope(envelope_id)
        if envelope is None:
            raise DeskError(404, "absent", "There is no such request.")
        return envelope

    async def _open(self, envelope_id: str) -> Review:
        review = await self.store.review(envelope_id)
        if review is None:
            raise DeskError(404, "absent", "Nothing about this request is to be reviewed.")
        if review.closed_at is not None:
            raise DeskError(409, "changed", f"{review.closed_by} closed this review already.")
        return review

    async def _check_second(self, person: str, envelope: Envelope, review: Review) -> None:
        """The owner then and the owner now are both too near."""
        agent = self.directory.agents.get(envelope.agent)
        if person in {review.owner, agent.owner if agent else None}:
            raise DeskError(403, "own_request", "The agent acts for you: somebody else must review this.")
        broken = {breaking.person for breaking in await self.store.breakings(envelope.id)}
        given = [self.backers.given(each) for each in await self.store.signatures(envelope.id)]
        behind = broken | {each.by for each in given} | {each.right_of for each in given}
        if person in behind:
            raise DeskError(
                403,
                "own_signature",
                "You signed this, or somebody did for you: somebody else must review it.",
            )

    def _note(self, asked: JsonObject) -> str:
        note = " ".join(text_of(asked, "note", MAX_NOTE).split())
        if not note or not note.isprintable():
            raise DeskError(400, "bad_request", "The note has to say something that can be seen.")
        return note


def _told(envelope: Envelope, broken: tuple[Breaking, ...]) -> JsonObject:
    """What is reviewed, as it is signed."""
    return {
        "envelope": envelope.id,
        "agent": envelope.agent,
        "action": envelope.action,
        "resource": envelope.resource,
        "broken_by": [
            {"person": breaking.person, "reason": breaking.reason, "at": utc(breaking.at)}
            for breaking in broken
        ],
    }
