"""After a start that finds an older database or an older clock: nothing decided before it is used."""

from gateway.audit import Kind, Row
from gateway.envelopes import Envelope, State, Step
from gateway.releasing import row_of
from gateway.store.contract import Done, Store
from gateway.store.writes import Move, NewEpoch

EVERY = 100_000
MAY_BE_OVER = {State.APPROVED: Step.LAPSE, State.PENDING: Step.CANCEL}
"""What is approved may have been sent since, and what is pending may have been decided, either way."""


async def settle_doubt(store: Store) -> str | None:
    """Why there was a doubt, or None. Nothing is spent until the last step of this is durable.

    Done again from its beginning after a crash: what it ended is over, and the doubt stands until it is done.
    """
    why = store.doubt()
    if why is None:
        return None
    ended = await store.envelopes(list(MAY_BE_OVER), EVERY)
    for envelope in ended:
        await _end(store, envelope, why)
    row = Row(
        Kind.STORE,
        decision="restored",
        person="gateway",
        detail=f"{len(ended)} questions and approvals and every session were ended, because {why}",
    )
    await store.apply(NewEpoch(), [row])
    return why


async def _end(store: Store, envelope: Envelope, why: str) -> bool:
    row = row_of(
        envelope,
        Kind.END,
        decision="step_up",
        reason="restored",
        cosigner=envelope.cosigner,
        detail=f"it may be over already, because {why}",
    )
    step = MAY_BE_OVER[envelope.state]
    move = Move(envelope.id, envelope.version, step, store.now(), by="gateway", outcome="restored")
    return isinstance(await store.apply(move, [row]), Done)
