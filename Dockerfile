# syntax=docker/dockerfile:1
# StreamSync alone, for `serve` with KAFKA_BROKERS, DATABASE_URL and REDIS_URL set: the image has no
# Postgres of its own. See docker-compose.yml for the whole.
#
#   docker build .                      from source
#   docker build --target prebuilt .    from dist/amd64/streamsync or dist/arm64/streamsync, built on Debian 12

FROM node:22-bookworm-slim AS dashboard
ENV NEXT_TELEMETRY_DISABLED=1
WORKDIR /build/dashboard
# The packages in a layer of their own.
COPY clients/js/resume /build/clients/js/resume
COPY dashboard/package.json dashboard/package-lock.json dashboard/.npmrc ./
RUN npm ci
COPY schema.graphql /build/
COPY dashboard ./
RUN npm run build

FROM rust:1.95-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends libssl-dev pkg-config zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build

# The dependencies in a layer of their own: it changes with Cargo.lock alone.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src tests/specs benches/live benches/transform benches/write \
    && touch src/lib.rs tests/specs/main.rs benches/live/main.rs benches/subscribe.rs benches/transform/main.rs benches/write/main.rs \
    && echo 'fn main() {}' > src/main.rs \
    && cargo build --release --locked --features "dashboard vrl" \
    && rm -rf src tests benches

COPY . .
COPY --from=dashboard /build/dashboard/sealed dashboard/sealed
# Cargo goes by file times, and the copies may be older than the stand-ins were.
RUN touch src/lib.rs src/main.rs && cargo build --release --locked --features "dashboard vrl" --bin streamsync

FROM debian:bookworm-slim AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="StreamSync" \
      org.opencontainers.image.description="Kafka time series to Postgres, served as GraphQL history and live subscriptions" \
      org.opencontainers.image.source="https://github.com/streamsync/streamsync" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.base.name="docker.io/library/debian:bookworm-slim"
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libssl3 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 streamsync \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/streamsync --create-home --shell /usr/sbin/nologin streamsync
COPY LICENSE /usr/share/doc/streamsync/LICENSE

# By number, so that an orchestrator can see that it is not root. It writes to this folder alone.
USER 10001:10001
WORKDIR /var/lib/streamsync
EXPOSE 8080
STOPSIGNAL SIGTERM
# A variable and not a flag, as STREAMSYNC_CONFIG should be: the health check goes by the same settings.
ENV STREAMSYNC_LISTEN=0.0.0.0:8080
ENV STREAMSYNC_DATA_DIR=/var/lib/streamsync
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["streamsync", "health"]
ENTRYPOINT ["streamsync"]
# Inside a container loopback is of no use to anyone outside it; whoever publishes the port decides
# who may come, which is what --allow-anonymous puts in words.
CMD ["serve", "--allow-anonymous"]

FROM runtime AS prebuilt
ARG TARGETARCH=amd64
COPY --chmod=755 dist/$TARGETARCH/streamsync /usr/local/bin/streamsync

FROM runtime
COPY --from=build /build/target/release/streamsync /usr/local/bin/streamsync
