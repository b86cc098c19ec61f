# syntax=docker/dockerfile:1
# The image of every process of ours: `triage serve`, `triage worker`, and the commands of operators.

FROM python:3.11.14-slim-bookworm AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/triage/.venv
WORKDIR /opt/triage
COPY requirements/run.txt requirements/run.txt
RUN .venv/bin/pip install --quiet --require-hashes --requirement requirements/run.txt
COPY pyproject.toml README.md ./
COPY analytics analytics
COPY dashboards dashboards
COPY jobs jobs
COPY plugins plugins
COPY app app
# The tests of the libraries are a good part of them, and nobody runs them here. The byte code is
# written now, since nothing can be written later.
RUN .venv/bin/pip install --quiet --no-deps --no-build-isolation --no-index --editable . \
    && find .venv/lib -type d \( -name tests -o -name test \) -prune -exec rm -rf {} + \
    && .venv/bin/pip uninstall --quiet --yes pip \
    && python -m compileall -q -j 0 .venv/lib analytics app dashboards jobs plugins


FROM python:3.11.14-slim-bookworm

LABEL org.opencontainers.image.title="Triage" \
      org.opencontainers.image.description="A self-hosted intelligent triage: it hears people out"
RUN useradd --uid 10001 --no-create-home --home-dir /var/lib/triage --shell /usr/sbin/nologin triage \
    && install --directory --owner=triage --group=triage --mode=0700 /var/lib/triage
COPY --from=build /opt/triage /opt/triage
ENV PATH=/opt/triage/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TRIAGE_HOST=0.0.0.0 \
    TRIAGE_PORT=8000 \
    TRIAGE_VAR=/var/lib/triage \
    TRIAGE_LOG_FORMAT=json
WORKDIR /var/lib/triage
USER 10001:10001
EXPOSE 8000 9000
STOPSIGNAL SIGTERM
ENTRYPOINT ["triage"]
CMD ["serve"]
