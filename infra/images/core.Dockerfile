# The base of stages that compute: the numeric packages, and the kernels compiled for the CPU that runs them.
# Context: the repository. PYTHON is given by digest by infra/images/build.
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS packages
COPY shared/locks/core.txt /tmp/lock.txt
RUN python -m venv /venv \
 && /venv/bin/python -m pip install --no-cache-dir --no-compile --require-hashes --no-deps --only-binary :all: -r /tmp/lock.txt \
 && /venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /venv/lib

FROM ${PYTHON}
RUN useradd --uid 10001 --no-create-home floor
COPY --from=packages /venv /venv
COPY shared/fluxfloor /floor/fluxfloor
COPY functions/__init__.py /floor/functions/__init__.py
ENV PATH=/venv/bin:$PATH PYTHONPATH=/floor PYTHONUNBUFFERED=1
ENV NUMBA_CPU_NAME=x86-64-v3
ENV NUMBA_CPU_FEATURES=+64bit,+avx,+avx2,+bmi,+bmi2,+cmov,+crc32,+cx16,+cx8,+f16c,+fma,+fxsr,+lzcnt,+mmx,+movbe,+popcnt,+sahf,+sse,+sse2,+sse3,+sse4.1,+sse4.2,+ssse3,+xsave
WORKDIR /floor
# The cache lies beside what is compiled, and Numba uses it only where it could also write to it.
RUN python -m compileall -q --invalidation-mode unchecked-hash /floor \
 && find /floor/fluxfloor -name __pycache__ -exec chown floor {} +
USER floor
# One process fills the cache; a second one proves that it finds everything there.
RUN python -m fluxfloor.kernels.warm fluxfloor.strategies.warm fluxfloor.simulation.warm fluxfloor.allocation.warm
RUN python -m fluxfloor.kernels.warm --prove fluxfloor.strategies.warm fluxfloor.simulation.warm fluxfloor.allocation.warm
