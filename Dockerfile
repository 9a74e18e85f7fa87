# syntax=docker/dockerfile:1.7
# Two images of one binary; context is the repository:
#
#   docker build --target worker -t stoker-worker:dev .   with Java, Python and PySpark, for local clusters
#   docker build -t stoker:dev .                          api, starter, workers without a local cluster, commands
#
# --build-arg VERSION="$(.ci/version)" is what "stoker version" then prints.
#
# Both run as the user 10001, so that an API reads what a worker wrote on a shared
# volume. Neither holds a configuration: mount one at /etc/stoker/stoker.yaml.

FROM golang:1.26.8-bookworm AS build
ARG VERSION=
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
# Static, for a base without glibc.
ENV CGO_ENABLED=0
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/stoker ./cmd/stoker

FROM debian:12.12-slim AS pyspark
ARG PYSPARK_VERSION=3.5.9
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir "pyspark==$PYSPARK_VERSION" \
    && ln -s /opt/venv/lib/python3*/site-packages/pyspark /opt/spark

# A machine id in the image would make every container the same host to Stoker;
# without one it makes its own, in the cluster's root. Spark's scripts want ps.
FROM debian:12.12-slim AS worker
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        ca-certificates openjdk-17-jre-headless procps python3 tini wget \
    && rm -rf /var/lib/apt/lists/* /etc/machine-id /var/lib/dbus/machine-id \
    && useradd --uid 10001 --user-group --create-home stoker \
    && install -d -o stoker -g stoker -m 0700 /var/lib/stoker
COPY --from=pyspark /opt /opt
COPY --from=build /out/stoker /usr/local/bin/stoker
ENV STOKER_CONFIG=/etc/stoker/stoker.yaml \
    SPARK_HOME=/opt/spark \
    PYSPARK_PYTHON=/opt/venv/bin/python
USER 10001:10001
WORKDIR /home/stoker
# Supervisors that are left behind need somebody to reap them.
ENTRYPOINT ["tini", "--", "stoker"]
CMD ["worker"]

FROM alpine:3.22.2 AS stoker
RUN adduser -D -u 10001 stoker \
    && install -d -o stoker -g stoker -m 0700 /var/lib/stoker
COPY --from=build /out/stoker /usr/local/bin/stoker
ENV STOKER_CONFIG=/etc/stoker/stoker.yaml
USER 10001:10001
WORKDIR /home/stoker
ENTRYPOINT ["stoker"]
CMD ["--help"]
