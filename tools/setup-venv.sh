#!/bin/sh
# Make the virtual environment at $1 with an interpreter of 3.11 or later, and name it when done.
#
# A fresh Debian or Ubuntu has python3 but not always ensurepip, which lives in pythonX.Y-venv. As
# root it is installed; otherwise the one line to run is printed and this ends with status 1.
set -eu

venv=$1
wanted=${PYTHON:-}

say() { printf '%s\n' "$*" >&2; }

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# A .venv whose interpreter is gone or too old (the system was upgraded under it) is made again.
if [ -x "$venv/bin/python" ] && new_enough "$venv/bin/python" &&
    "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    exit 0
fi

python=
for candidate in ${wanted:-python3 python3.14 python3.13 python3.12 python3.11}; do
    if command -v "$candidate" >/dev/null && new_enough "$candidate"; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    first=${wanted:-python3}
    found=$("$first" --version 2>&1) || found="no $first"
    say "EchoNode needs Python 3.11 or later; here is $found."
    say "Install one and name it: make install PYTHON=python3.11"
    exit 1
fi

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        say "Installing $package, which $python needs to make a virtual environment"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null
    else
        say "$python cannot make a virtual environment: $package is missing. Run this, then make again:"
        say "    sudo apt-get update && sudo apt-get install -y $package"
        exit 1
    fi
fi

say "Making $venv with $("$python" --version)"
"$python" -m venv --clear "$venv"
