"""What Cedar says of a mapped request, which policies say so, what would change it, what the agent gets."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from gateway.authoring.scenes import Scene
from gateway.authoring.steps import Step
from gateway.errors import Refusal
from gateway.facts import facts_of
from gateway.intent_risk import intent_risk
from gateway.model import Decision, Effect, Mapped, Mode, PolicyReason, Request, Risk, ServiceMode
from gateway.policy import Facts, Signing
from gateway.problems import TITLES
from gateway.questions import how_to_ask, largest_asked

SAID = {Effect.ALLOW: "allow", Effect.STEP_UP: "step up: people are asked", Effect.DENY: "deny"}


def explain_policy(
    steps: list[Step], request: Request, mapped: Mapped, scene: Scene, unreadable: Refusal | None
) -> str:
    """Adds the last steps, and gives the outcome in one word. What is unreadable cannot be approved."""
    facts = facts_of(request, mapped, scene.now)
    decision = scene.policy.decide(scene.agent.name, mapped, facts, scene.settings.approvals.max_quorum)
    says = _decided(decision, scene)
    if len(mapped.units) > 1:
        says += _each_unit(mapped, facts, scene)
    change = _change(decision, mapped, facts, scene)
    steps.append(Step("policy", "Policy", (*says, *change), _data(decision, scene)))
    if unreadable is not None and decision.effect is Effect.STEP_UP:
        steps.append(refused(unreadable))
        return str(unreadable.reason)
    return _tell_outcome(steps, request, mapped, decision, scene)


def refused(refusal: Refusal) -> Step:
    """The last step of a request that goes nowhere."""
    says = (
        f"{refusal.status} {refusal.reason}: {TITLES[refusal.reason].lower()}. Nothing is sent.",
        f"The way out: {refusal.detail}",
    )
    data = {"outcome": str(refusal.reason), "status": refusal.status, "detail": refusal.detail}
    return Step("outcome", "The agent gets", says, data)


def _decided(decision: Decision, scene: Scene) -> list[str]:
    by = "without a signature: " if decision.effect is not Effect.ALLOW else ""
    says = [f"{by}{SAID[decision.effect]}"]
    says += [f"    {_reason(reason, scene)}" for reason in decision.reasons]
    if decision.error:
        says.append(f"    {decision.error}")
    return says


def _reason(reason: PolicyReason, scene: Scene) -> str:
    place = scene.policy_places.get(reason.id)
    where = f" ({place})" if place else ""
    return f"{reason.id}{where}: {reason.reason}" if reason.reason else f"{reason.id}{where}"


def _each_unit(mapped: Mapped, facts: Facts, scene: Scene) -> list[str]:
    """The strictest decides; each alone says which that is."""
    says = ["Each of its meanings alone:"]
    for unit in mapped.units:
        alone = scene.policy.decide(scene.agent.name, replace(mapped, units=(unit,)), facts)
        says.append(f"    {unit.action}: {SAID[alone.effect]}")
    return says


def _change(decision: Decision, mapped: Mapped, facts: Facts, scene: Scene) -> list[str]:
    """Which fact would change the answer."""
    if decision.effect is Effect.ALLOW:
        return ["No signature is needed."]
    if decision.effect is Effect.DENY:
        if any(unit.risk is Risk.FORBID for unit in mapped.units):
            return ["No signature changes that: the template forbids it, whatever policy says."]
        most = scene.settings.approvals.max_quorum
        return [
            f"No signature changes that: it is denied with cosigner true and up to {most} approvals as well."
        ]
    signed = replace(facts, cosigner=True, approvals=decision.quorum)
    then = scene.policy.authorise(scene.agent.name, mapped, signed)
    says = [
        f"Once {_people(decision.quorum)} (cosigner true, approvals {decision.quorum}): {SAID[then.effect]}"
    ]
    return says + [f"    {_reason(reason, scene)}" for reason in then.reasons]


def _people(quorum: int) -> str:
    return "one person signs" if quorum == 1 else f"{quorum} people sign"


def _data(decision: Decision, scene: Scene) -> dict[str, Any]:
    return {
        "effect": str(decision.effect),
        "quorum": decision.quorum,
        "raised_by_template": decision.raised_by_template,
        "error": decision.error,
        "reasons": [
            {"id": reason.id, "reason": reason.reason, "place": str(scene.policy_places.get(reason.id, ""))}
            for reason in decision.reasons
        ],
    }


def _tell_outcome(
    steps: list[Step], request: Request, mapped: Mapped, decision: Decision, scene: Scene
) -> str:
    def end(outcome: str, *says: str, **data: Any) -> str:
        steps.append(Step("outcome", "The agent gets", says, {"outcome": outcome, **data}))
        return outcome

    if scene.paused:
        return end(
            "agent_paused", f"403 agent_paused: an operator paused {scene.agent.name}. Nothing is sent."
        )
    mode = scene.mode(mapped.service)
    if mode is not ServiceMode.ENFORCE:
        read = "decided, recorded and let pass" if mode is ServiceMode.WATCH else "not even read"
        return end("watch", f"The service is in mode {mode}: the request is {read}.")
    if decision.effect is Effect.ALLOW:
        return end("allow", "The request goes on as it came, and a row says so.")
    if decision.effect is Effect.DENY:
        return end(
            "deny",
            "403 policy_denied. Nothing is sent, nobody is asked.",
            "The way out: do something else, or change the policy named above.",
            status=403,
        )
    return _asked(end, request, mapped, decision, scene)


type _End = Callable[..., str]


def _asked(end: _End, request: Request, mapped: Mapped, decision: Decision, scene: Scene) -> str:
    most = largest_asked(scene.library.body(request), scene.settings)
    if len(request.body) > most:
        return end(
            "body_too_large", f"413 body_too_large: nobody can read more than {most} bytes before signing."
        )
    asked = how_to_ask(mapped.units, scene.settings)
    people = _may_sign(mapped, decision.quorum, scene)
    named = _approvers(people, mapped)
    if people is not None and len(people) < decision.quorum:
        return end(
            "no_approver_reachable",
            f"403 no_approver_reachable: {decision.quorum} must sign, and {len(people)} may.",
            "The way out: enrol an approver (secondsig approver invite), or name more in the policy.",
            status=403,
        )
    data = {"mode": str(asked.mode), "ttl": asked.ttl, "quorum": decision.quorum, "may_sign": people}
    if asked.mode is Mode.HOLD:
        return end(
            "step_up",
            f"The connection is held, for up to {asked.ttl} s, until {_people(decision.quorum)}{named}.",
            "Signed: these bytes go upstream, once. Denied: approval_denied. Neither: approval_timeout.",
            **data,
        )
    if asked.mode is Mode.ASYNC:
        return end(
            "step_up",
            f"202 at once, while people are asked for up to {asked.ttl} s{named}.",
            "Signed: the gateway sends it, once, and the agent fetches the answer. Otherwise: why not.",
            **data,
            status=202,
        )
    return end(
        "step_up",
        f"403 requires_step_up at once, while people are asked for up to {asked.ttl} s{named}.",
        "An identical request after the signature goes upstream, once.",
        **data,
        status=403,
    )


def _may_sign(mapped: Mapped, quorum: int, scene: Scene) -> list[str] | None:
    """Those whose signature would count, at once or later; None where nobody's enrolment is known."""
    if scene.people is None:
        return None
    owners = scene.settings.approvals.owner_may_approve and quorum == 1
    ttl = how_to_ask(mapped.units, scene.settings).ttl
    steps = [step.after for step in scene.settings.approvals.escalate if step.after < ttl]
    risk, _ = intent_risk(mapped)
    return [
        person.name
        for person in scene.people
        if (owners or person.name != scene.agent.owner)
        and any(
            scene.policy.may_approve(
                person.name,
                agent=scene.agent.name,
                owner=person.name == scene.agent.owner,
                mapped=mapped,
                signing=Signing(quorum, risk, waited),
            )
            for waited in (0, *steps)
        )
    ]


def _approvers(people: Sequence[str] | None, mapped: Mapped) -> str:
    groups = sorted({unit.approval.approvers for unit in mapped.units if unit.approval.approvers})
    of = f" of {' and '.join(groups)}" if groups else ""
    return f"{of} (may sign: {', '.join(people)})" if people else of
