#!/bin/sh
# Resolve requirements*.lock again from pyproject.toml: one resolution for Python 3.11 to 3.14, a
# hash for every file of every release, and no address of the index they came from.
#
# uv does the resolving, from an environment of its own: nothing at run time needs it. Versions
# already locked are kept unless UPGRADE=1.
set -eu
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet uv

compile() {
    "$work/venv/bin/uv" pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
        --generate-hashes --no-emit-index-url --no-header ${UPGRADE:+--upgrade} "$@"
}

compile pyproject.toml -o requirements.lock
# What an image for several nodes, object storage, research copies or encryption has as well.
compile pyproject.toml --extra cluster --extra research --extra encryption \
    --constraint requirements.lock -o requirements-extras.lock
compile pyproject.toml --extra dev --constraint requirements.lock -o requirements-dev.lock

# What builds the package itself, from [build-system].
"${PYTHON:-python3}" - >"$work/build.in" <<'END'
import tomllib
with open("pyproject.toml", "rb") as file:
    print("\n".join(tomllib.load(file)["build-system"]["requires"]))
END
compile "$work/build.in" --no-annotate -o requirements-build.lock
