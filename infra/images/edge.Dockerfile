# The base of stages that compute nothing: no numerics, because a webhook's sender waits for its cold start.
# Context: the repository. PYTHON is given by digest by infra/images/build.
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS packages
COPY shared/locks/edge.txt /tmp/lock.txt
RUN python -m venv /venv \
 && /venv/bin/python -m pip install --no-cache-dir --no-compile --require-hashes --no-deps --only-binary :all: -r /tmp/lock.txt \
 && /venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /venv/lib

FROM ${PYTHON}
RUN useradd --uid 10001 --no-create-home floor
COPY --from=packages /venv /venv
COPY shared/fluxfloor /floor/fluxfloor
COPY functions/__init__.py /floor/functions/__init__.py
ENV PATH=/venv/bin:$PATH PYTHONPATH=/floor PYTHONUNBUFFERED=1
WORKDIR /floor
RUN python -m compileall -q --invalidation-mode unchecked-hash /floor
USER floor
