# A Prefect worker with the complete environment, torch included: docs/serving.md#docker. This file
# was never built where Sightline is made, which has no Docker; hadolint reads it (tests/docker).
#
#   docker build -f docker/worker.Dockerfile -t sightline-worker .
#   docker run --rm -e PREFECT_API_URL=http://10.0.0.5:4200/api -v /srv/sightline:/workspace \
#       sightline-worker --pool cpu
#
# /srv/sightline is a clone of the project that user 10001 may write (docs/scaling.md, step 4).

FROM python:3.11-slim-bookworm AS packages
WORKDIR /build
COPY requirements.lock .
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock

FROM python:3.11-slim-bookworm
# DVC and the flows call git. Its version is Debian's: a pin would fail with each security update.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --shell /usr/sbin/nologin worker
COPY --from=packages /venv /venv
USER 10001
WORKDIR /workspace
ENV PATH=/venv/bin:$PATH PYTHONPATH=/workspace/src SIGHTLINE_WORKSPACE=/workspace \
    DO_NOT_TRACK=1 PREFECT_FLOWS_HEARTBEAT_FREQUENCY=30
STOPSIGNAL SIGTERM
ENTRYPOINT ["prefect", "worker", "start", "--type", "process", "--limit", "1"]
CMD ["--pool", "cpu"]
