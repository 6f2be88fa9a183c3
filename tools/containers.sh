#!/bin/sh
# Build the image of the Dockerfile, bring docker-compose.yml up with its simulated probe, and run
# tests/containers against it. With ECHONODE_COMPOSITION=cluster: deploy/cluster/docker-compose.yml.
#
# Docker with its compose plugin is used where its daemon answers, with the images that the files
# name. Otherwise, as root with apt-get, podman and runc are installed, and the images that the files
# name are made of this machine's own Debian packages, so that no registry is asked. With neither,
# this says so and ends with status 0.
#
# With podman nothing stays behind: images, containers and volumes lie in a temporary folder, networks
# and processes in namespaces that end with this script. (With Docker the images stay, in its store.)
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

not_here() {
    say "Containers are not tested here: $*"
    exit 0
}

case "${ECHONODE_COMPOSITION:-demonstration}" in
    cluster) compose=deploy/cluster/docker-compose.yml tests=tests/containers/test_cluster.py ;;
    *) compose=docker-compose.yml tests=tests/containers/test_compose.py ;;
esac

run_tests() { .venv/bin/python -m pytest -q -m containers -p no:cacheprovider "$tests"; }

# --- with Docker ---

if docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then
    say "Building with $(docker --version)"
    # The passwords are not used by a build, but the file of the cluster asks for them.
    ECHONODE_DB_PASSWORD=x ECHONODE_S3_PASSWORD=x docker compose -f "$compose" --profile demo build --quiet
    export ECHONODE_ENGINE=docker ECHONODE_COMPOSE="docker compose"
    run_tests
    exit
fi

# --- with podman: what it needs ---

if [ "${1:-}" != --inside ]; then
    [ "$(id -u)" -eq 0 ] || not_here "Docker does not answer, and podman needs root here"
    packages=
    # program:package pairs
    for pair in podman:podman runc:runc iptables:iptables ip:iproute2 mmdebstrap:mmdebstrap \
        /usr/lib/podman/netavark:netavark \
        /usr/lib/podman/aardvark-dns:aardvark-dns; do
        command -v "${pair%%:*}" >/dev/null || packages="$packages ${pair##*:}"
    done
    if [ -n "$packages" ]; then
        command -v apt-get >/dev/null || not_here "missing:$packages"
        say "Installing$packages"
        export DEBIAN_FRONTEND=noninteractive
        # shellcheck disable=SC2086 # the list is words
        { apt-get update -qq && apt-get install -y -qq --no-install-recommends $packages >/dev/null; } ||
            not_here "apt-get could not install$packages"
    fi
    work=$(mktemp -d)
    # Mounts and processes end with their namespaces; what is left is files, and empty cgroups.
    trap 'rm -rf "$work"; find /sys/fs/cgroup -depth -type d -path "*/libpod_parent*" -exec rmdir {} + 2>/dev/null || :' EXIT
    unshare --mount --pid --fork --kill-child --mount-proc true || not_here "no namespaces"
    unshare --mount --pid --fork --kill-child --mount-proc tools/containers.sh --inside "$work" &
    trap 'kill $!; wait $!; exit 1' HUP INT TERM
    wait $!
    exit
fi

# --- with podman: everything of it in one folder ---

work=$2
mkdir "$work/bin" "$work/networks"
cat >"$work/containers.conf" <<END
[containers]
default_ulimits = ["nofile=1024:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
runtime = "runc"
static_dir = "$work/static"
tmp_dir = "$work/tmp"
volume_path = "$work/volumes"
[network]
network_backend = "netavark"
network_config_dir = "$work/networks"
END
# Under the name that podman-compose calls.
cat >"$work/bin/podman" <<END
#!/bin/sh
export CONTAINERS_CONF="$work/containers.conf" TMPDIR="$work" DISABLE_HC_SYSTEMD=true
exec $(command -v podman) --root "$work/root" --runroot "$work/run" --storage-driver \${DRIVER:-overlay} "\$@"
END
chmod +x "$work/bin/podman"
PATH=$work/bin:$PATH
DRIVER=overlay podman info >/dev/null 2>&1 || export DRIVER=vfs

# --- the base images, of the machine's own package sources ---

python_image="python:$(sed -n 's/^ARG PYTHON=//p' Dockerfile)-slim-bookworm"
orthanc_image=$(sed -n 's/^ *image: \(orthancteam[^ ]*\).*/\1/p' docker-compose.yml)

# shellcheck source=/dev/null
. /etc/os-release
# shellcheck disable=SC2016 # apt-get replaces these, not the shell
apt-get indextargets --format '$(ORIGIN)|deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    sort -u | sed -n "s/^${ID}|//Ip" >"$work/sources.list"
[ -s "$work/sources.list" ] || not_here "this machine's package sources are unknown"

say "Making $python_image of Debian packages"
# Without waiting for the disk at each package: nothing of this outlives a power cut, nor should it.
# shellcheck disable=SC2016 # mmdebstrap gives $1
TMPDIR="$work" mmdebstrap --quiet --variant=minbase --dpkgopt=force-unsafe-io \
    --include=python3,python3-venv,ca-certificates \
    --customize-hook='ln -s /usr/bin/python3 "$1/usr/local/bin/python"' \
    --customize-hook='echo force-unsafe-io >"$1/etc/dpkg/dpkg.cfg.d/unsafe-io"' \
    "$VERSION_CODENAME" "$work/base.tar" "$work/sources.list"
podman import --quiet "$work/base.tar" "localhost/$python_image" >/dev/null
rm "$work/base.tar"
podman run --rm --network none "$python_image" true || not_here "podman cannot run a container"

# --- the images of the two services ---

build() { podman build --quiet --isolation chroot --network host --pull=never --layers=false "$@" >/dev/null; }

# Of pip's settings those that hold in an image too.
{
    echo '[global]'
    .venv/bin/python -m pip config list |
        sed -n "s/^[^.]*\.\(cert\|index-url\|proxy\|trusted-host\)='\(.*\)'\$/\1 = \2/p" |
        awk -F ' = ' '{ last[$1] = $0 } END { for (key in last) print last[key] }'
} >"$work/pip.conf"

say "Building $orthanc_image and EchoNode's image"
build --build-arg "BASE=$python_image" -t "localhost/$orthanc_image" tests/containers/orthanc &
# Without the viewer: tests/acceptance/test_ohif.py has it, and CI's time is scarce.
build_echonode() {
    build --format docker --build-arg VIEWER=no -v "$work/pip.conf:/etc/pip.conf:ro" -v /etc/ssl/certs:/etc/ssl/certs:ro "$@" .
}
image_of() { sed -n "s,^ *image: \($1[^ ]*\).*,\1,p" "$compose"; }
if [ "$compose" = docker-compose.yml ]; then
    build_echonode -t "echonode:$(sed -n 's/^__version__ = "\(.*\)"/\1/p' echonode/__init__.py)"
else
    for name in postgres haproxy; do
        build --build-arg "BASE=$python_image" -t "localhost/$(image_of "$name:")" "tests/containers/$name"
    done
    build --build-arg "BASE=$python_image" -v "$work/pip.conf:/etc/pip.conf:ro" -v /etc/ssl/certs:/etc/ssl/certs:ro \
        -v "$PWD/requirements-dev.lock:/etc/tests.lock:ro" -t "localhost/$(image_of versity/)" tests/containers/s3
    build_echonode --build-arg LOCK=requirements-extras.lock -t "$(image_of echonode-cluster:)"
fi
wait $!

# --- the tests, in a network of their own: no port of this machine is taken ---

export ECHONODE_ENGINE=podman ECHONODE_COMPOSE=.venv/bin/podman-compose
unshare --net sh -c 'ip link set lo up && exec "$@"' sh \
    .venv/bin/python -m pytest -q -m containers -p no:cacheprovider "$tests"
