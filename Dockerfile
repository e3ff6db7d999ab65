# docker build --tag gsam_edge .
# docker build --tag gsam_edge:cuda --build-arg SYSTEM=nvidia/cuda:13.0.1-base-ubuntu24.04 .
#
# PyTorch's wheel brings its CUDA libraries along in both (docs/installation.md); the second has the driver's side, too.
ARG SYSTEM=ubuntu:24.04
# hadolint ignore=DL3006
FROM ${SYSTEM}

# Of Ubuntu 24.04, whose Python is 3.12; versions are those of its archive.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1001 --shell /bin/bash user \
    && install --directory --owner=user /app
USER 1001
WORKDIR /app

# Packages first: they change less often than the sources.
COPY --chown=user:user Makefile pyproject.toml requirements.lock README.md LICENSE ./
COPY --chown=user:user src ./src
RUN make install && rm -rf /home/user/.cache

COPY --chown=user:user . .
ENV PATH=/app/.venv/bin:$PATH
CMD ["kedro", "run"]
