//! The machine door: `kliv-secrets controller | webhook | crds`.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use kliv_secrets::runtime::{
    Metrics, Readiness,
    args::{Cli, Command, CommonArgs, ControllerArgs, WebhookArgs},
    client, clock, crd_files, entropy, hardening, http,
    lease::{self, Ended, Standing},
    logs, shutdown, tls,
};
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    let ended = match Cli::parse().command {
        Command::Crds(args) => match (args.out, args.check) {
            (Some(folder), _) => crd_files::write(&folder),
            (_, Some(folder)) => crd_files::check(&folder),
            (None, None) => Ok(()),
        },
        Command::Controller(args) => process(&args.common, controller(&args)),
        Command::Webhook(args) => process(&args.common, webhook(&args)),
    };
    let Err(error) = ended else { return ExitCode::SUCCESS };
    #[expect(clippy::print_stderr, reason = "the last word, also where logs did not start")]
    {
        eprintln!("kliv-secrets: {error:#}");
    }
    ExitCode::FAILURE
}

/// What both processes do before anything else.
fn process(
    common: &CommonArgs,
    work: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    hardening::no_core_dumps().context("can't turn core dumps off")?;
    logs::start(common.log_format, &common.log_level)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting");
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

/// Runs health and metrics beside `work`; the process ends with the first of the two, or
/// when told to.
async fn beside_http(
    common: &CommonArgs,
    metrics: &Metrics,
    readiness: &Readiness,
    stop: &CancellationToken,
    work: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    // Not by `stop` itself: health is answered until the work has ended.
    let ended = CancellationToken::new();
    let (bind, metrics, readiness) = (common.http_bind, metrics.clone(), readiness.clone());
    let mut http = tokio::spawn(http::serve(bind, metrics, readiness, ended.clone()));
    let result = tokio::select! {
        result = work => result,
        served = &mut http => return served?.with_context(|| format!("can't serve on {bind}")),
    };
    stop.cancel();
    ended.cancel();
    result
}

async fn controller(args: &ControllerArgs) -> anyhow::Result<()> {
    let stop = shutdown::on_signal()?;
    let (metrics, readiness) = (Metrics::new(), Readiness::default());
    let lead = lead(args, &metrics, &readiness, &stop);
    beside_http(&args.common, &metrics, &readiness, &stop, lead).await
}

async fn lead(
    args: &ControllerArgs,
    metrics: &Metrics,
    readiness: &Readiness,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let client = client::connect().await?;
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "kliv-secrets-controller".into());
    // A replica is ready when it leads and has done what the webhook needs, or when it
    // stands by for one that leads: so an install that waits for all replicas has waited
    // for a leader that works.
    let ready = readiness.check("to lead and have read everything, or to stand by");
    let ended = lease::lead(
        client.clone(),
        &args.namespace,
        entropy::unique(&host),
        lease::Settings::default(),
        stop.clone(),
        |standing| {
            metrics.leads(standing == Standing::Leads);
            ready.set(standing == Standing::Follows);
        },
        |stop| work_as_leader(args, client, stop),
    )
    .await?;
    match ended {
        Ended::Done(result) => result,
        Ended::NeverLed => Ok(()),
        Ended::Lost => anyhow::bail!("lost the lease; starts again as a replica that stands by"),
    }
}

async fn work_as_leader(
    args: &ControllerArgs,
    client: kube::Client,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let settings =
        tls::Settings { namespace: args.namespace.clone(), service: args.webhook_service.clone() };
    tls::ensure(&client, &settings, clock::now()).await?;
    tls::keep(client, settings, stop).await;
    Ok(())
}

async fn webhook(args: &WebhookArgs) -> anyhow::Result<()> {
    let stop = shutdown::on_signal()?;
    let (metrics, readiness) = (Metrics::new(), Readiness::default());
    let work = async {
        stop.cancelled().await;
        Ok(())
    };
    beside_http(&args.common, &metrics, &readiness, &stop, work).await
}
