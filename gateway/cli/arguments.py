"""Every command with its arguments and an example."""

import argparse
from typing import Any

CLI = "gateway.cli"


def build_parser(version: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="secondsig",
        description="A gateway between agents and the APIs they call: "
        "nothing irreversible happens on one signature.",
        epilog="Start here: secondsig serve. Then, in another terminal: secondsig run -- curl …",
    )
    parser.add_argument("--version", action="version", version=f"secondsig {version}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _gateway(commands)
    _agents(commands)
    _approvers(commands)
    _templates(commands)
    _config(commands)
    _envelopes(commands)
    _grants(commands)
    _notify(commands)
    _audit(commands)
    return parser


def _add(commands: Any, name: str, run: str, help_text: str, example: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=help_text, description=help_text, epilog=f"Example: {example}"
    )
    command.set_defaults(run=f"{CLI}.{run}")
    command.add_argument("--config", metavar="FILE", help="secondsig.yaml (or SECONDSIG_CONFIG)")
    command.add_argument("--json", action="store_true", help="answer for machines")
    return command


def _group(commands: Any, name: str, help_text: str) -> Any:
    group = commands.add_parser(name, help=help_text, description=help_text)
    return group.add_subparsers(title="commands", metavar="COMMAND", required=True)


def _gateway(commands: Any) -> None:
    _add(
        commands,
        "serve",
        "serve:serve",
        "Start the gateway: the proxy for agents and the pages for people.",
        "secondsig serve",
    )
    run = _add(
        commands,
        "run",
        "run:run",
        "Run any command behind the gateway; nothing about it changes.",
        "secondsig run --agent ci-bot -- python agent.py",
    )
    run.add_argument("--agent", default="default", help="the agent it runs as (default: default)")
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="what to run")
    demo = _add(
        commands,
        "demo",
        "demo:demo",
        "Show the whole loop on this machine, with an upstream of its own.",
        "secondsig demo --headless",
    )
    demo.add_argument("--headless", action="store_true", help="use a software passkey and end by itself")
    init = _add(
        commands,
        "init",
        "init:init",
        "Write a starter configuration: secondsig.yaml, policy.cedar, entities.json.",
        "secondsig init --dir ./secondsig",
    )
    init.add_argument("--dir", metavar="FOLDER", help="where (default: ~/.secondsig)")
    init.add_argument(
        "--with",
        dest="variation",
        choices=("agentkeys",),
        metavar="VARIATION",
        help="a policy with thresholds: agentkeys",
    )
    _add(
        commands,
        "stop-all",
        "operator:stop_all",
        "The kill switch: pause every agent and deny everything that waits.",
        "secondsig stop-all",
    )
    _add(
        commands,
        "reload",
        "operator:reload",
        "Read policy, templates and settings again, whole or not at all.",
        "secondsig reload",
    )


def _agents(commands: Any) -> None:
    group = _group(commands, "agent", "Add, list, rotate, pause, resume or revoke agents.")
    add = _add(
        group,
        "add",
        "operator:agent_add",
        "Add an agent; its HTTPS_PROXY line is printed once.",
        "secondsig agent add ci-bot --team platform --owner 'Mika Sato'",
    )
    add.add_argument("name", metavar="NAME")
    add.add_argument("--team", metavar="TEAM")
    add.add_argument("--owner", metavar="PERSON", help="an enrolled person it acts for")
    _add(group, "list", "operator:agent_list", "List the agents.", "secondsig agent list")
    for verb, what in {
        "rotate": "Give an agent a new token; the old one stops at once.",
        "pause": "Pause an agent: nothing of it passes.",
        "resume": "Resume a paused agent.",
        "revoke": "Remove an agent and its tokens.",
    }.items():
        command = _add(group, verb, f"operator:agent_{verb}", what, f"secondsig agent {verb} ci-bot")
        command.add_argument("name", metavar="NAME")


def _approvers(commands: Any) -> None:
    group = _group(commands, "approver", "Invite the first approver; list or revoke approvers.")
    _add(
        group,
        "invite",
        "operator:approver_invite",
        "Make the one-time link that enrols the first approver.",
        "secondsig approver invite",
    )
    _add(group, "list", "operator:approver_list", "List who is enrolled.", "secondsig approver list")
    revoke = _add(
        group,
        "revoke",
        "operator:approver_revoke",
        "Revoke a person: their passkeys and sessions stop counting at once.",
        "secondsig approver revoke 'Mika Sato'",
    )
    revoke.add_argument("name", metavar="NAME")


def _templates(commands: Any) -> None:
    group = _group(commands, "template", "Work on templates.")
    test = _add(
        group,
        "test",
        "template:test",
        "Run every example of the templates; without files, those that ship and are configured.",
        "secondsig template test my-service.yaml",
    )
    test.add_argument("files", nargs="*", metavar="FILE")
    _template_lint(group)
    _template_explain(group)
    _add(
        group,
        "schema",
        "schema:schema",
        "Print the JSON Schema of templates and overlays, for editors.",
        "secondsig template schema > secondsig-template.schema.json",
    )
    _template_import(group)
    _template_coverage(group)


def _template_lint(group: Any) -> None:
    lint = _add(
        group,
        "lint",
        "lint:lint",
        "Find what is wrong or doubtful in templates, and say how to mend it; 1 if there are errors.",
        "secondsig template lint my-service.yaml",
    )
    lint.add_argument(
        "files", nargs="*", metavar="FILE", help="templates or overlays (default: all there are)"
    )


def _template_explain(group: Any) -> None:
    told = _add(
        group,
        "explain",
        "explain:explain_request",
        "Say step by step what the gateway would make of a request. Nothing is sent.",
        "secondsig template explain --agent ci-bot -- curl -X DELETE https://api.github.com/repos/acme/site",
    )
    told.add_argument("--curl", metavar="COMMAND", help="a curl command line, as one text")
    told.add_argument("--raw", metavar="FILE", help="an HTTP request as it stands on the wire (- for stdin)")
    told.add_argument("--har", metavar="FILE", help="a HAR file: each of its requests")
    told.add_argument("--envelope", metavar="ENVELOPE", help="what waits, or waited, for a person")
    told.add_argument("--agent", metavar="NAME", help="who asks (default: a made-up agent without team)")
    told.add_argument(
        "--scheme",
        choices=("https", "http"),
        default="https",
        metavar="SCHEME",
        help="of --raw (default: https)",
    )
    told.add_argument("command", nargs=argparse.REMAINDER, metavar="-- CURL", help="a curl command")


def _template_import(group: Any) -> None:
    drafted = _add(
        group,
        "import",
        "importing:import_template",
        "Draft a template from a description, a recording of a browser, or our own log.",
        "secondsig template import openapi api.yaml --service tea --out tea.yaml",
    )
    drafted.add_argument("kind", choices=("openapi", "har", "recorded"), metavar="KIND")
    drafted.add_argument("source", nargs="?", metavar="SOURCE", help="the file; for recorded, a host")
    drafted.add_argument("--service", metavar="NAME", help="what the service is to be called")
    drafted.add_argument("--namespace", metavar="NAME", help="the namespace of its resources in Cedar")
    drafted.add_argument("--host", metavar="HOST", help="which host of a recording is meant")
    drafted.add_argument("--out", metavar="FILE", help="a new file (default: standard output)")


def _template_coverage(group: Any) -> None:
    coverage = _add(
        group,
        "coverage",
        "coverage:coverage",
        "Say which operations of an API's description the templates know by name; 1 if too few.",
        "secondsig template coverage --openapi api.yaml --service tea tea.yaml",
    )
    coverage.add_argument("files", nargs="*", metavar="FILE", help="templates (default: as template test)")
    coverage.add_argument("--openapi", metavar="FILE", help="OpenAPI 3 or Swagger 2, JSON or YAML")
    coverage.add_argument("--operations", metavar="FILE", help="lines of METHOD, path and id between tabs")
    coverage.add_argument("--service", metavar="NAME", help="the template that is meant")
    coverage.add_argument("--all", action="store_true", help="list every operation, not only what is open")
    coverage.add_argument(
        "--min-mutating", type=float, default=100, metavar="PERCENT", help="by name (default: 100)"
    )
    coverage.add_argument(
        "--min-reads", type=float, default=0, metavar="PERCENT", help="by name (default: 0)"
    )


def _config(commands: Any) -> None:
    group = _group(
        commands, "config", "Show the configuration in force, compare it with the files, apply them."
    )
    for verb, what in {
        "show": "Show which configuration is in force, and what was not taken.",
        "diff": "Show what the files say that was not signed; 1 if there is any of it.",
        "apply": "Take the files; where a passkey has to sign them, say where.",
    }.items():
        _add(group, verb, f"operator:config_{verb}", what, f"secondsig config {verb}")


def _envelopes(commands: Any) -> None:
    group = _group(commands, "envelope", "See, deny or cancel what waits.")
    listing = _add(group, "list", "operator:envelope_list", "List what waits.", "secondsig envelope list")
    listing.add_argument("--all", action="store_true", dest="everything", help="also what has ended")
    for verb, what in {
        "show": "Show one envelope with its rows.",
        "deny": "Deny it, as the operator.",
        "cancel": "Take the question back.",
    }.items():
        command = _add(group, verb, f"operator:envelope_{verb}", what, f"secondsig envelope {verb} env_…")
        command.add_argument("envelope", metavar="ENVELOPE")
        if verb == "deny":
            command.add_argument("--note", help="what the agent is told")


def _grants(commands: Any) -> None:
    group = _group(commands, "grant", "See and revoke what people answered in advance.")
    listing = _add(
        group, "list", "operator:grant_list", "List grants, with their uses.", "secondsig grant list"
    )
    listing.add_argument("--all", action="store_true", dest="everything", help="also what has ended")
    revoke = _add(
        group,
        "revoke",
        "operator:grant_revoke",
        "End a grant at once: people are asked again.",
        "secondsig grant revoke grt_…",
    )
    revoke.add_argument("grant", metavar="GRANT")


def _notify(commands: Any) -> None:
    group = _group(commands, "notify", "Try how people are told.")
    test = _add(
        group,
        "test",
        "operator:notify_test",
        "Send a test message over a channel of secondsig.yaml; 1 if it failed.",
        "secondsig notify test team-mail",
    )
    test.add_argument("channel", metavar="CHANNEL")


def _audit(commands: Any) -> None:
    group = _group(commands, "audit", "Read the log.")
    listing = _add(
        group,
        "list",
        "operator:audit_list",
        "List rows of the log, newest first.",
        "secondsig audit list --filter 'decision:step_up agent:ci-bot'",
    )
    listing.add_argument("--filter", metavar="FILTER", help="as decision:step_up agent:ci-bot")
    listing.add_argument("--limit", type=int, default=50, metavar="N")
    listing.add_argument("--before", type=int, metavar="SEQ", help="rows older than this one")
