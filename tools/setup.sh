#!/bin/sh
# Makes the virtual environment: finds a Python 3.12 or newer, installs what requirements-dev.lock pins.
set -eu
venv=$1

fits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; }

find_python() {
    for name in ${PYTHON:-} python3.12 python3.13 python3.14 python3 python; do
        if command -v "$name" >/dev/null 2>&1 && fits "$name"; then
            command -v "$name"
            return
        fi
    done
    for path in "$HOME"/.pyenv/versions/3.1[2-9]*/bin/python3 /opt/python3*/bin/python3; do
        if [ -x "$path" ] && fits "$path"; then
            echo "$path"
            return
        fi
    done
    return 1
}

python=$(find_python) || {
    echo "Secondsig needs Python 3.12 or newer: install it (Debian 13: apt install python3 python3-venv; elsewhere: pyenv install 3.12) or name it, as in: make PYTHON=/path/to/python3.12 run" >&2
    exit 1
}
if ! [ -x "$venv/bin/python" ] || ! fits "$venv/bin/python"; then
    rm -rf "$venv"
    "$python" -m venv "$venv" || {
        echo "Python at $python cannot make virtual environments: install its venv package (Debian: apt install python3-venv)." >&2
        exit 1
    }
fi
echo "Installing what requirements-dev.lock pins into $venv (a minute, once)"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
