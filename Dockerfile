# One image for API and worker; the command chooses. Development tools are not in it.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# The caches stay on the builder, so the binaries are copied out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release --package agent-api --package agent-worker --bins \
    && install -D --target-directory=/out target/release/agent-api target/release/agent-worker

FROM debian:bookworm-slim
# Outgoing TLS needs the roots; the rest of the base image is enough.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin agent
COPY --from=build /out/ /usr/local/bin/
USER 10001:10001
ENV HTTP_LISTEN=0.0.0.0:8080 \
    METRICS_LISTEN=0.0.0.0:9464 \
    WORKER_LISTEN=0.0.0.0:9465 \
    HEALTH_PORT=8080
EXPOSE 8080 9464 9465
# The process answers; readiness is for the load balancer (/health/ready). Set HEALTH_PORT=9465
# for the worker. Bash opens the connection, so the image needs no client.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$HEALTH_PORT && printf 'GET /health/live HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && read -r -t 2 line <&3 && [[ $line == HTTP/1.?\\ 2??\\ * ]]"]
# Both programs end in order at SIGTERM, also as process 1.
CMD ["agent-api", "serve"]
