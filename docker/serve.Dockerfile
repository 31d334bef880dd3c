# Serves exported models, without torch: docs/serving.md#docker. This file was never built where
# Sightline is made, which has no Docker; hadolint reads it (tests/docker).
#
#   docker build -f docker/serve.Dockerfile -t sightline-serve .
#   docker run --rm -p 127.0.0.1:8000:8000 -v "$PWD/models/mnist-cnn:/models/mnist-cnn:ro" \
#       sightline-serve /models/mnist-cnn

FROM python:3.11-slim-bookworm AS packages
WORKDIR /build
COPY docker/serve.lock .
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r serve.lock \
    && /venv/bin/pip uninstall --yes pip setuptools
COPY src/sightline /venv/lib/python3.11/site-packages/sightline

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin serve
COPY --from=packages /venv /venv
USER 10001
WORKDIR /models
ENV PYTHONUNBUFFERED=1
EXPOSE 8000
# SIGTERM, which `docker stop` sends, lets the requests at work be answered
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["/venv/bin/python", "-c", \
    "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
# 0.0.0.0 is the container's own: `-p 127.0.0.1:8000:8000` decides who reaches it
ENTRYPOINT ["/venv/bin/python", "-m", "sightline.cli", "serve", "--host", "0.0.0.0"]
