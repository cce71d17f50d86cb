# syntax=docker/dockerfile:1
# One static binary on nothing: no shell, no libraries, no user but the one it runs as.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
# A target has to be named, or build scripts and macros would be linked statically too.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    target="$(rustc -vV | sed -n 's/^host: //p')" \
    && RUSTFLAGS="-C target-feature=+crt-static" \
       cargo build --release --locked --bin kliv-secrets --target "$target" \
    && cp "target/$target/release/kliv-secrets" /kliv-secrets

FROM scratch
LABEL org.opencontainers.image.title="kliv-secrets" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /kliv-secrets /kliv-secrets
USER 65532:65532
ENTRYPOINT ["/kliv-secrets"]
