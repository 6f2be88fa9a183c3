# EchoNode in a container: the locked packages, not root, DICOM's port 104.
#
#   docker build -t echonode .
#   docker run --cap-drop ALL --cap-add NET_BIND_SERVICE -p 104:104 \
#       -v "$PWD/deploy/echonode.yaml:/etc/echonode/echonode.yaml:ro" \
#       -v echonode:/var/lib/echonode echonode
#
# docker-compose.yml starts it with an Orthanc, wired both ways.

ARG PYTHON=3.13

# --- build: everything that needs a package index happens here, by the hashes of the lock files
FROM python:${PYTHON}-slim-bookworm AS build

# --copies: the interpreter is a file of its own, so that the capability below is given to EchoNode
# alone and not to the image's Python.
RUN python -m venv --copies /opt/echonode

# --build-arg LOCK=requirements-extras.lock: PostgreSQL, object storage and research copies as well.
ARG LOCK=requirements.lock
WORKDIR /src
COPY requirements.lock requirements-extras.lock requirements-build.lock ./
RUN /opt/echonode/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes \
        -r requirements-build.lock -r "$LOCK"

COPY pyproject.toml README.md LICENSE ./
COPY echonode ./echonode
RUN /opt/echonode/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps \
        --no-build-isolation . \
    && /opt/echonode/bin/pip uninstall --yes setuptools pip

# The OHIF viewer for web.viewer_port (60 MB), by the hash in the code. Without network, or with
# --build-arg VIEWER=no, the image has none: `echonode viewer install` puts one on the volume later.
ARG VIEWER=yes
ARG NPM_REGISTRY=https://registry.npmjs.org
RUN if [ "$VIEWER" = yes ]; then \
        /opt/echonode/bin/echonode viewer install --registry "$NPM_REGISTRY" \
            --to /opt/echonode/share/echonode/viewer \
        || echo "The image is built without the viewer."; \
    fi

# --- the image
FROM python:${PYTHON}-slim-bookworm

LABEL org.opencontainers.image.title="EchoNode" \
      org.opencontainers.image.description="A DICOM network node for an open ultrasound probe" \
      org.opencontainers.image.licenses="Apache-2.0"

COPY --from=build /opt/echonode /opt/echonode

# Ports below 1024 without root: a file capability on our own interpreter. A container that adds
# NET_BIND_SERVICE gives it to root only; the file is what hands it on to the user below. (Where the
# engine sets net.ipv4.ip_unprivileged_port_start=0, as Docker does since 20.10, it is not needed,
# and does no harm.) Only a container without the capability in its bounding set cannot start this
# interpreter: keep NET_BIND_SERVICE when dropping the others.
# libcap2-bin leaves again: nothing in the image may hand out capabilities.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libcap2-bin \
    && for python in /opt/echonode/bin/python*; do \
           test -L "$python" || setcap cap_net_bind_service=+ep "$python" || exit 1; \
       done \
    && apt-get purge --yes --auto-remove libcap2-bin \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 echonode \
    && useradd --system --uid 10001 --gid echonode --no-create-home --home-dir /var/lib/echonode \
        --shell /usr/sbin/nologin echonode \
    && install --directory --owner=echonode --group=echonode --mode=0700 /var/lib/echonode

# What the image holds, as CycloneDX: `make sbom` before the build writes it. The pattern lets a
# build without it pass.
COPY LICENSE build/echonode.cdx.jso[n] /usr/share/doc/echonode/

ENV PATH=/opt/echonode/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1

# By number, so that an orchestrator can see that it is not root.
USER 10001:10001
WORKDIR /var/lib/echonode

# The store: what is not yet promised by the archive exists only here.
VOLUME /var/lib/echonode

# DICOM (two ports that modalities expect), the console and health checks, the viewer.
EXPOSE 104 11112 8080 8081

# SIGTERM drains: associations end, the store is closed, in 30 s at most. The engine's own 10 s would
# cut that short: docker stop --time 40, stop_grace_period: 40s.
STOPSIGNAL SIGTERM

# Alive means that the process answers, whatever the state of the archive. The port and the
# certificate are those of the configuration, which CMD names as well; a node without `web` needs
# --no-healthcheck.
HEALTHCHECK --interval=30s --timeout=30s --start-period=20s --retries=3 \
    CMD ["python", "-m", "echonode.commands.container_health", "/etc/echonode/echonode.yaml"]

ENTRYPOINT ["echonode"]
CMD ["run", "--config", "/etc/echonode/echonode.yaml"]
