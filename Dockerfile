# One image for every role: the command says which (see compose.yaml).
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /tomato

# Packages first: they change seldom, and this layer is then reused. The lock holds those for tests
# as well; as constraints it gives versions and hashes, and only what runs is installed. That needs a
# new pip: 26.0 does not yet look for hashes in constraints.
COPY requirements.in requirements.lock ./
RUN pip install --no-cache-dir pip==26.3 \
 && pip install --no-cache-dir --require-hashes \
        --requirement requirements.in --constraint requirements.lock

COPY runner.py .
COPY schema schema
COPY bus bus
COPY actors actors
COPY handlers handlers
RUN python -m compileall -q . \
 && useradd --system --uid 10001 tomato \
 && install --directory --owner tomato /var/lib/tomato

USER tomato
ENV TOMATO_HTTP_HOST=0.0.0.0 \
    TOMATO_SIMULATOR_HOST=0.0.0.0 \
    TOMATO_SIMULATOR_FILE=/var/lib/tomato/simulator.json \
    TOMATO_LEDGER_ANCHOR_URL=/var/lib/tomato/ledger-anchors
ENTRYPOINT ["python", "runner.py"]
CMD ["all"]
