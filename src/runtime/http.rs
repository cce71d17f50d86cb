//! Metrics and health over plain HTTP, without a word about any account.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Metrics;

/// What has to hold before the process takes work: named checks, all of which must be
/// met. With none it is ready.
#[derive(Clone, Default)]
pub struct Readiness(Arc<Mutex<Vec<Check>>>);

/// One named check; clones are the same check.
#[derive(Clone)]
pub struct Check {
    name: &'static str,
    met: Arc<AtomicBool>,
}

impl Readiness {
    /// Adds a check that is not met yet.
    pub fn check(&self, name: &'static str) -> Check {
        let check = Check { name, met: Arc::default() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(check.clone());
        check
    }

    /// The names of the checks that are not met.
    pub fn missing(&self) -> Vec<&'static str> {
        let checks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        checks.iter().filter(|check| !check.is_met()).map(|check| check.name).collect()
    }
}

impl Check {
    /// Says whether it is met now.
    pub fn set(&self, met: bool) {
        self.met.store(met, Ordering::Release);
    }

    /// Whether it is met.
    pub fn is_met(&self) -> bool {
        self.met.load(Ordering::Acquire)
    }
}

/// Serves `/metrics`, `/livez` and `/readyz` of `process` until `stop`, then finishes what
/// it began.
///
/// # Errors
/// The address can't be bound, or accepting connections failed for good.
pub async fn serve(
    bind: SocketAddr,
    process: &'static str,
    metrics: Metrics,
    readiness: Readiness,
    stop: CancellationToken,
) -> io::Result<()> {
    let listener = TcpListener::bind(bind).await?;
    axum::serve(listener, router(process, metrics, readiness))
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

fn router(process: &'static str, metrics: Metrics, readiness: Readiness) -> Router {
    let ready = readiness.clone();
    let page = move || async move {
        metrics.ready(process, ready.missing().is_empty());
        numbers(&metrics)
    };
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(move || async move { readyz(&readiness) }))
        .route("/metrics", get(page))
}

fn readyz(readiness: &Readiness) -> (StatusCode, String) {
    let missing = readiness.missing();
    if missing.is_empty() {
        (StatusCode::OK, "ok\n".into())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for: {}\n", missing.join(", ")))
    }
}

fn numbers(metrics: &Metrics) -> impl IntoResponse + use<> {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    metrics
        .text()
        .map(|text| ([(header::CONTENT_TYPE, OPEN_METRICS)], text))
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_names_what_it_waits_for() {
        let readiness = Readiness::default();
        let (key, tls) = (readiness.check("sealing key"), readiness.check("certificate"));
        let answer = |status, text: &str| (status, format!("{text}\n"));
        let waiting = StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(readyz(&readiness), answer(waiting, "waiting for: sealing key, certificate"));
        key.set(true);
        assert_eq!(readyz(&readiness), answer(waiting, "waiting for: certificate"));
        tls.set(true);
        assert_eq!(readyz(&readiness), answer(StatusCode::OK, "ok"));
        key.set(false);
        assert_eq!(readyz(&readiness), answer(waiting, "waiting for: sealing key"));
    }
}
