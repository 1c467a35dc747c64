# The app anywhere but on a Space: the same requirements by the same pip line, on a CPU or on NVIDIA's GPUs.
#
#   docker build --tag microscope .
#   docker build --tag microscope:cuda --build-arg VARIANT=cuda .
#
# Of the base only the tag is pinned: name its digest too where a build must give the same bytes a second time.
FROM python:3.12-slim-bookworm AS python

# Gradio's version, as the Makefile reads it. Nothing else of README.md reaches the installation: an edit elsewhere in it
# installs nothing anew.
FROM python AS version
WORKDIR /version
COPY README.md ./
RUN sed -n '2,/^---$/s/^sdk_version: *"\{0,1\}\([0-9.]*\).*/\1/p' README.md > gradio.version

FROM python AS app
# `cpu`, or `cuda` with an NVIDIA driver and its container toolkit on the host.
ARG VARIANT=cpu
# Where PyTorch's wheels for the CPU are: a mirror of it, behind a wall.
ARG CPU_INDEX=https://download.pytorch.org/whl/cpu

# A number, so that an orchestrator can see that it is not root. All that this user may write is the volume, where the
# caches of libraries find a home too.
RUN useradd --uid 1000 --user-group --home-dir /data --no-create-home microscope \
    && install --directory --owner=microscope --group=microscope /data
WORKDIR /app

COPY packages.txt ./
RUN apt-get update \
    && xargs --arg-file=packages.txt apt-get install --yes --no-install-recommends \
    && rm -rf /var/lib/apt/lists/*

COPY requirements.txt ./
COPY --from=version /version/gradio.version ./
# The line of a Space's build. Its versions are pinned in requirements.txt, where they must be.
# hadolint ignore=DL3013
RUN case "$VARIANT" in \
        cpu) set -- --extra-index-url "$CPU_INDEX" ;; \
        cuda) set -- ;; \
        *) echo "VARIANT is $VARIANT; build with VARIANT=cpu or VARIANT=cuda." >&2; exit 1 ;; \
    esac \
    && pip install --no-cache-dir --root-user-action=ignore "$@" \
        -r requirements.txt "gradio[oauth,mcp]==$(cat gradio.version)" "uvicorn>=0.14.0" "websockets>=10.4" spaces

# What .dockerignore lets through is what a Space is given. Readable whatever the umask of the checkout was; root's, so
# that the app cannot change itself.
COPY --chmod=755 . ./

ENV PYTHONUNBUFFERED=1 \
    GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860 \
    MICROSCOPE_DATA=/data/microscope \
    HF_HOME=/data/huggingface
USER 1000:1000
VOLUME ["/data"]
EXPOSE 7860
# Python stops in order at Ctrl+C; at SIGTERM, as the first process, not at all.
STOPSIGNAL SIGINT
# By http.client, for urllib would ask the proxy that a variable may name.
HEALTHCHECK --interval=30s --timeout=10s --start-period=5m --retries=3 CMD ["python", "-c", "import http.client, os; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['GRADIO_SERVER_PORT']), timeout=8); c.request('GET', '/health'); raise SystemExit(c.getresponse().status != 200)"]
CMD ["python", "app.py"]
