# syntax=docker/dockerfile:1
# One image for every role: `cueroom serve [--role web|worker|pump]`. Runs as uid 10001 and writes to /data alone:
#   docker build -t cueroom .
#   docker run --read-only --tmpfs /tmp -p 127.0.0.1:8060:8060 -v cueroom:/data cueroom
# compose.yaml runs it scaled out; docs/deploy.md says how.
#
# Base images are named by tag, so that a rebuild takes their security fixes. To pin one, ask for its digest with
# `docker buildx imagetools inspect python:3.11-slim-bookworm` and build with --build-arg PYTHON=python@sha256:...

ARG PYTHON=python:3.11-slim-bookworm
ARG NODE=node:24-bookworm-slim

FROM ${NODE} AS vendor
WORKDIR /vendor
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts

FROM ${PYTHON} AS build
WORKDIR /srv/cueroom
RUN python -m venv /srv/venv
COPY requirements-uv.lock requirements.lock ./
RUN python -m venv /tmp/uv \
    && /tmp/uv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements-uv.lock \
    && /tmp/uv/bin/uv pip install --python /srv/venv/bin/python --no-cache --link-mode copy --compile-bytecode \
       --require-hashes -r requirements.lock
COPY LICENSE NOTICE alembic.ini ./
COPY alembic ./alembic
COPY static ./static
COPY app ./app
COPY --from=vendor /vendor/node_modules/uplot/dist/uPlot.iife.min.js ./static/vendor/uplot.js
COPY --from=vendor /vendor/node_modules/uplot/LICENSE ./static/vendor/uplot.LICENSE
RUN python -m compileall -q app && chmod -R a+rX /srv

FROM ${PYTHON}
ARG VERSION=0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Cueroom 控台" \
      org.opencontainers.image.description="A real-time control room for livestream commerce" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN groupadd --gid 10001 cueroom \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin cueroom \
    && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /srv /srv
ENV PATH=/srv/venv/bin:$PATH \
    PYTHONPATH=/srv/cueroom \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CUEROOM_DATA=/data \
    CUEROOM_HOST=0.0.0.0 \
    CUEROOM_PORT=8060
WORKDIR /srv/cueroom
USER 10001:10001
VOLUME /data
EXPOSE 8060
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['CUEROOM_PORT']}/readyz\", timeout=4)"]
ENTRYPOINT ["python", "-m", "app"]
CMD ["serve"]
