#!/bin/sh
# See that the real peers that the tests talk to are here; install them when that needs no question.
#
# Root with apt-get: whatever is missing is installed. Otherwise, or where that failed, what is
# missing is said, with the one line that installs it; the tests that need it are skipped and say
# so. With ECHONODE_REQUIRE_PEERS=1 (set by `make test` where CI=true) a missing peer is status 1.
set -eu

# file:package pairs; a `*` in a file's path stands for the machine, and a file behind a `|` does as
# well where the package is not available. By full path: pynetdicom installs an echoscu, a storescu, ...
# of its own into the virtual environment, and those are not the peers that are meant.
peers="
/usr/sbin/Orthanc:orthanc
/usr/share/orthanc/plugins/libOrthancDicomWeb.so:orthanc-dicomweb
/usr/share/orthanc/plugins/libOrthancPostgreSQLIndex.so:orthanc-postgresql
/usr/bin/storescp:dcmtk
/usr/bin/dciodvfy:dicom3tools
/usr/bin/gdcmraw:libgdcm-tools
/usr/bin/chromium-headless-shell|/usr/bin/chromium:chromium-headless-shell
/usr/bin/strace:strace
/usr/bin/systemd-analyze:systemd
/usr/bin/openssl:openssl
/usr/lib/python3/dist-packages/odil:python3-odil
/usr/bin/node:nodejs
/usr/bin/npm:npm
/usr/lib/postgresql:postgresql
/usr/sbin/haproxy:haproxy
/usr/sbin/syslog-ng:syslog-ng-core
/usr/bin/promtool:prometheus
/usr/bin/pipx:pipx
/usr/bin/ffmpeg:ffmpeg
/usr/bin/pdftotext:poppler-utils
/usr/bin/xorriso:xorriso
/usr/bin/swtpm:swtpm
/usr/lib/*/libtss2-esys.so.0:libtss2-esys-3.0.2-0
/usr/lib/*/libtss2-rc.so.0:libtss2-rc0
/usr/lib/*/libtss2-tcti-swtpm.so.0:libtss2-tcti-swtpm0
/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf:fonts-noto-core
/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf:fonts-droid-fallback
"

# shellcheck disable=SC2086 # the shell fills in each `*`
is_here() { set -- $1 && [ -e "$1" ]; }

# The packages of what is not here. With `or-instead`, what does as well counts.
missing() {
    for pair in $peers; do
        files=${pair%%:*}
        is_here "${files%%|*}" || { [ "${1:-}" = or-instead ] && is_here "${files##*|}"; } ||
            printf '%s ' "${pair##*:}"
    done
}

say() { printf '%s\n' "$*" >&2; }

packages=$(missing)
if [ -n "$packages" ] && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    say "Installing the real peers for the tests: $packages"
    # Debian starts orthanc as a service on ports 4242 and 8042 when it is installed. The tests
    # start their own; RUNLEVEL=1 makes invoke-rc.d leave it alone.
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    # shellcheck disable=SC2086 # the list is words
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $packages >/dev/null; } ||
        say "apt-get could not install them all"
fi
packages=$(missing or-instead)

# What comes from npm: dcmjs-dimse, which takes procedure steps, axe-core, which looks for faults of
# accessibility, and s3rver, an object store that lies; each by its lock file. The tests install them themselves where this did not.
for name in dcmjs axe s3rver; do
    lock=tests/peers/$name/package-lock.json
    installed=build/$name/installed-lock.json
    if [ -e /usr/bin/npm ] && ! cmp -s "$lock" "$installed"; then
        mkdir -p "build/$name"
        cp "tests/peers/$name/package.json" "$lock" "build/$name/"
        if (cd "build/$name" && npm ci --ignore-scripts --no-audit --no-fund --omit=dev >/dev/null 2>&1); then
            cp "$lock" "$installed"
        else
            say "npm did not reach its registry: the tests that need $name cannot run."
        fi
    fi
done

# The OHIF viewer, by our own command, which checks its hash.
if [ -e /usr/bin/npm ] && [ -x .venv/bin/echonode ]; then
    .venv/bin/echonode viewer install --to build/viewer --registry "$(npm config get registry)" >/dev/null 2>&1 ||
        say "npm's registry was not reached: the tests that need the OHIF viewer cannot run."
fi

if [ -z "$packages" ]; then
    exit 0
fi
say "Missing peers: $packages"
say "    sudo apt-get install -y --no-install-recommends $packages"
if [ "${ECHONODE_REQUIRE_PEERS:-}" = 1 ]; then
    say "CI runs no test without them."
    exit 1
fi
say "The tests that need them are skipped, and are listed at the end."
