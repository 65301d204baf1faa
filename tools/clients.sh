#!/bin/sh
# The vendors' clients that the tests put behind the gateway, in an environment of their own: agents do not share ours.
# With npm's comes axe, which checks the pages.
set -eu
venv=.venv-clients
lock=tests/clients/requirements.lock
packages=tests/clients/package-lock.json

if ! cmp -s "$lock" "$venv/.installed" 2>/dev/null; then
    echo "Installing the vendors' clients for the tests into $venv (a minute, once)"
    rm -rf "$venv"
    .venv/bin/python -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes --no-deps -r "$lock"
    cp "$lock" "$venv/.installed"
fi
if ! cmp -s "$packages" tests/clients/node_modules/.installed 2>/dev/null; then
    (cd tests/clients && npm ci --silent --no-audit --no-fund --ignore-scripts)
    cp "$packages" tests/clients/node_modules/.installed
fi
