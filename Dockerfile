# syntax=docker/dockerfile:1
# One image for every role. Runs as uid 10001 with a read-only root: only /data is written.
#   docker build -t cueroom .
#   docker run --read-only --tmpfs /tmp -p 127.0.0.1:8060:8060 -v cueroom:/data cueroom

FROM node:20-bookworm-slim AS browser
WORKDIR /srv
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev

FROM python:3.11-slim-bookworm AS build
WORKDIR /srv/cueroom
RUN python -m venv /srv/venv
COPY requirements-uv.lock requirements.lock ./
RUN python -m venv /tmp/uv \
    && /tmp/uv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements-uv.lock \
    && /tmp/uv/bin/uv pip install --python /srv/venv/bin/python --no-cache --link-mode copy --compile-bytecode \
       --require-hashes -r requirements.lock
COPY . .
COPY --from=browser /srv/node_modules/uplot/dist/uPlot.iife.min.js static/vendor/uplot.js
COPY --from=browser /srv/node_modules/uplot/dist/uPlot.min.css static/vendor/uplot.css
COPY --from=browser /srv/node_modules/uplot/LICENSE static/vendor/uplot.LICENSE
RUN python -m compileall -q app

FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 cueroom \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin cueroom \
    && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /srv /srv
ENV PATH=/srv/venv/bin:$PATH \
    PYTHONPATH=/srv/cueroom \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /srv/cueroom
USER 10001:10001
VOLUME /data
EXPOSE 8060
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8060/healthz', timeout=2)"]
ENTRYPOINT ["python", "-m", "app"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8060", "--data", "/data"]
