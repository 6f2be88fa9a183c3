#!/bin/sh
# `make wheel`: the wheel of the commit, in build/dist, and its SHA-256. Anyone who builds the same
# commit with the same locked back end gets the same bytes: the files are those of the commit, their
# rights and times do not depend on the machine.
set -eu
cd "$(dirname "$0")/.."
umask 022
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
source=$(mktemp -d)
trap 'rm -rf "$source"' EXIT
git archive HEAD | tar -x --no-same-permissions -C "$source"
mkdir -p build/dist
.venv/bin/python -m pip wheel --quiet --no-index --no-deps --no-build-isolation \
    --wheel-dir build/dist "$source"
sha256sum build/dist/*.whl
