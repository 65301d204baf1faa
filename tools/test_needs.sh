#!/bin/sh
# What the tests need besides Python: Chromium, curl, git, Node, and Ruby and Go for the
# verifiers that the guides show. Installed by apt where we are root.
set -eu

missing=""
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || missing="$missing chromium"
command -v curl >/dev/null 2>&1 || missing="$missing curl"
command -v git >/dev/null 2>&1 || missing="$missing git"
command -v npm >/dev/null 2>&1 || missing="$missing npm"
command -v ruby >/dev/null 2>&1 || missing="$missing ruby"
command -v go >/dev/null 2>&1 || missing="$missing golang-go"
[ -z "$missing" ] && exec sh tools/clients.sh

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing for the tests:$missing"
    apt-get update -qq
    # shellcheck disable=SC2086  # the names are meant to be split
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "The tests need these programs: install them first:$missing" >&2
    exit 1
fi
exec sh tools/clients.sh
