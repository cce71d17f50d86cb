//! The machine door: `kliv-secrets controller | webhook | web | mcp | crds | doctor`.
#![expect(clippy::disallowed_types, reason = "hands the client from room to room")]

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use clap::Parser;
use kliv_secrets::{
    admission,
    api::names,
    doctor,
    keys::{self, Cutoff, Found, Keeper, KeySource},
    mcp, reconcile,
    runtime::{
        Check, Metrics, Readiness,
        args::{
            CertificateMaker, Cli, Command, CommonArgs, ControllerArgs, DoctorArgs, McpArgs,
            ServerArgs, WebArgs, WebhookArgs,
        },
        client, clock, crd_files, entropy, hardening, http,
        lease::{self, Ended, Standing},
        logs, shutdown, tls,
    },
    seal::Keyring,
    server, web,
};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// Accounts that the engine works on at a time.
const ACCOUNTS_AT_ONCE: usize = 8;

fn main() -> ExitCode {
    let ended = match Cli::parse().command {
        Command::Crds(args) => match (args.out, args.check) {
            (Some(folder), _) => crd_files::write(&folder),
            (_, Some(folder)) => crd_files::check(&folder),
            (None, None) => Ok(()),
        },
        Command::Controller(args) => process(&args.common, controller(&args)),
        Command::Webhook(args) => process(&args.common, webhook(&args)),
        Command::Web(args) => process(&args.server.common, web(&args)),
        Command::Mcp(args) => process(&args.server.common, mcp(&args)),
        Command::Doctor(args) => doctor(&args),
    };
    let Err(error) = ended else { return ExitCode::SUCCESS };
    #[expect(clippy::print_stderr, reason = "the last word, also where logs did not start")]
    {
        eprintln!("kliv-secrets: {error:#}");
    }
    ExitCode::FAILURE
}

/// What each process does before anything else.
fn process(
    common: &CommonArgs,
    work: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    hardening::no_core_dumps().context("can't turn core dumps off")?;
    logs::start(common.log_format, &common.log_level)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(work);
    // What did not end by itself is not waited for: another replica may lead by now.
    runtime.shutdown_background();
    ended
}

/// Runs health and metrics beside `work`; the process ends with the first of the two, or
/// when told to.
async fn beside_http(
    process: &'static str,
    common: &CommonArgs,
    metrics: &Metrics,
    readiness: &Readiness,
    stop: &CancellationToken,
    work: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    // Not by `stop` itself: health is answered until the work has ended.
    let ended = CancellationToken::new();
    let (bind, metrics, readiness) = (common.http_bind, metrics.clone(), readiness.clone());
    let mut http = tokio::spawn(http::serve(bind, process, metrics, readiness, ended.clone()));
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
    let replica = replica(args, &metrics, &readiness, &stop);
    beside_http("controller", &args.common, &metrics, &readiness, &stop, replica).await
}

async fn replica(
    args: &ControllerArgs,
    metrics: &Metrics,
    readiness: &Readiness,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let ready = Ready::new(readiness);
    let read = |file: &Option<PathBuf>| file.as_deref().map(keys::read_wrapping_key).transpose();
    let wrapping = read(&args.keyring_wrapping_key_file)?;
    let former = read(&args.keyring_former_wrapping_key_file)?;
    let cutoff = args.sealing_key_not_before.map(|time| Cutoff::new(time, clock::now()));
    let source = KeySource {
        namespace: &args.namespace,
        wrapping: wrapping.as_ref(),
        former_wrapping: former.as_ref(),
        wrap_existing: args.keyring_wrap_existing,
        cutoff: cutoff.transpose()?,
    };
    let client = client::connect().await?;
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| names::LEASE.into());
    let identity = entropy::unique(&host);
    let mut keeper = Keeper::new(client.clone(), source, &identity);
    // Before it may lead, so that an update of the operator stops with its first replica.
    keeper.check().await?;
    let ended = lease::lead(
        client.clone(),
        &args.namespace,
        identity.clone(),
        lease::Settings::lasting(args.lease_seconds),
        stop.clone(),
        |standing| {
            metrics.leads(standing == Standing::Leads);
            ready.stands(standing);
        },
        |stop| leader(args, client, identity, keeper, metrics, &ready, stop),
    )
    .await?;
    match ended {
        Ended::Done(result) => result,
        Ended::NeverLed => Ok(()),
        Ended::Lost => anyhow::bail!("lost the lease; starts again as a replica that stands by"),
    }
}

/// What the one replica does that leads.
async fn leader(
    args: &ControllerArgs,
    client: kube::Client,
    identity: String,
    keeper: Keeper<'_>,
    metrics: &Metrics,
    ready: &Ready,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let certificates = tls::Settings {
        namespace: args.namespace.clone(),
        service: args.webhook_service.clone(),
        every: args.webhook_certificate_check,
    };
    // A webhook that comes up beside a lost keyring is not let in either: it would take
    // values that perhaps nobody will open.
    let had_keyring = Notify::new();
    let certificate = async {
        tokio::select! {
            () = had_keyring.notified() => {}
            () = stop.cancelled() => return,
        }
        let ready = || ready.certificate.set(true);
        match args.webhook_certificate {
            CertificateMaker::Controller => {
                tls::keep(client.clone(), certificates, ready, stop.clone()).await;
            }
            CertificateMaker::External => ready(),
        }
    };
    let settings = reconcile::Settings {
        function_selector: args.function_selector.clone(),
        quiet: args.quiet_period,
        longest: args.max_wait,
        keep_superseded: args.keep_superseded,
        republish_interval: args.republish_interval,
        audit_keep: args.audit_keep,
        audit_keep_events: args.audit_keep_events,
        concurrency: ACCOUNTS_AT_ONCE,
        instance: identity,
    };
    let run = |keyring: Option<Keyring>, stop: CancellationToken| {
        metrics.keyring_keys(keyring.as_ref().map_or(0, |keyring| keyring.keys().count()));
        ready.keyring.set(keyring.is_some());
        if keyring.is_some() {
            had_keyring.notify_one();
        }
        let listed = || ready.listed.set(true);
        let keyring = keyring.map(Arc::new);
        reconcile::run(client.clone(), keyring, settings.clone(), metrics.clone(), listed, stop)
    };
    let engine = async {
        let ended = engine(keeper, run, stop.clone()).await;
        stop.cancel();
        ended
    };
    let (ended, ()) = tokio::join!(engine, certificate);
    ended
}

/// Runs the engine, anew when the keyring is another. While it is lost the engine runs
/// without: what needs no key goes on, and KlivSecrets say what is wrong.
async fn engine<R: Future<Output = anyhow::Result<()>>>(
    mut keeper: Keeper<'_>,
    run: impl Fn(Option<Keyring>, CancellationToken) -> R,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut keyring = match keeper.find(&stop).await {
        Found::Keyring(keyring) => Some(keyring),
        Found::Lost => None,
        Found::Stopped => return Ok(()),
    };
    loop {
        let keys = keyring.as_ref().map(|keyring| keyring.keys().collect::<Vec<_>>());
        let until = stop.child_token();
        let runs = async {
            let ended = run(keyring.take(), until.clone()).await;
            until.cancel();
            ended
        };
        let changes = async {
            let another = keeper.another(keys.as_deref(), &until).await;
            until.cancel();
            another
        };
        let (ended, another) = tokio::join!(runs, changes);
        ended?;
        if another.is_none() {
            return Ok(());
        }
        tracing::info!("the keyring was restored or changed: starts again with it");
        keyring = another;
    }
}

/// When a replica of the controller is ready: when it stands by for one that leads, or
/// when it leads and has done what the webhook and the functions need. So an install that
/// waits for its replicas has waited for a leader that works.
struct Ready {
    leader: Check,
    keyring: Check,
    certificate: Check,
    listed: Check,
}

impl Ready {
    fn new(readiness: &Readiness) -> Self {
        Self {
            leader: readiness.check("a leader"),
            keyring: readiness.check("the keyring"),
            certificate: readiness.check("the webhook's certificate"),
            listed: readiness.check("everything to be listed"),
        }
    }

    fn stands(&self, standing: Standing) {
        self.leader.set(standing != Standing::Candidate);
        // The leader's own work, as far as this replica knows: another's is not asked for.
        for check in [&self.keyring, &self.certificate, &self.listed] {
            check.set(standing == Standing::Follows);
        }
    }
}

async fn webhook(args: &WebhookArgs) -> anyhow::Result<()> {
    let stop = shutdown::on_signal()?;
    let (metrics, readiness) = (Metrics::new(), Readiness::default());
    let (deletes, deletes_seen) = mpsc::channel(admission::WAITING);
    let (calls, calls_seen) = mpsc::channel(admission::CALLS_WAITING);
    let door = admission::WebhookConfig {
        bind: args.bind,
        tls_dir: args.tls_dir.clone(),
        sealing_key_dir: args.sealing_key_dir.clone(),
        poll: args.reload_interval,
        ready: readiness.check("certificate and sealing key"),
        metrics: metrics.clone(),
        deletes,
        calls,
    };
    let stopped = stop.clone();
    let serve = admission::serve(door, stopped.cancelled_owned());
    let record = async {
        match client::connect().await {
            Ok(client) => {
                admission::record(client, deletes_seen, calls_seen, metrics.clone()).await;
            }
            // Values are sealed all the same.
            Err(error) => {
                tracing::warn!(%error, "it will not be recorded who deletes a KlivSecret");
            }
        }
    };
    let work = async {
        // What is served sends what is to be recorded, so the former ends the latter.
        let (served, ()) = tokio::join!(serve, record);
        Ok(served?)
    };
    beside_http("webhook", &args.common, &metrics, &readiness, &stop, work).await
}

/// Serves people or agents. Its port is taken at once.
fn listening(
    args: &ServerArgs,
    router: axum::Router,
    proxies: server::Proxies,
    readiness: &Readiness,
    stop: &CancellationToken,
) -> anyhow::Result<impl Future<Output = Result<(), server::ServeError>> + use<>> {
    let ready = readiness.check(if args.tls_dir.is_some() { "the certificate" } else { "a port" });
    let tls = args.tls_dir.clone();
    let tls = tls.map(|folder| server::Tls { folder, every: args.reload_interval });
    let listener = TcpListener::bind(args.bind);
    let listener = listener.with_context(|| format!("can't listen on {}", args.bind))?;
    let reached = server::Reached { listener, tls, proxies };
    Ok(server::serve(router, reached, ready, stop.clone()))
}

fn proxies(args: &ServerArgs) -> Result<server::Proxies, server::NoPeers> {
    server::Proxies::new(args.proxies, args.proxy_from.clone())
}

async fn web(args: &WebArgs) -> anyhow::Result<()> {
    let stop = shutdown::on_signal()?;
    let (metrics, readiness) = (Metrics::new(), Readiness::default());
    let key = match &args.session_key_file {
        Some(file) => web::CookieKey::from_file(&read_private(file)?)?,
        None => web::CookieKey::generate(&mut entropy::system()),
    };
    let proxies = proxies(&args.server)?;
    let entrance = web::Entrance {
        public_url: &args.public_url,
        proxies: proxies.clone(),
        key,
        lives: args.session_lifetime,
    };
    let gate = web::Gate::cluster(entrance, metrics.clone())?;
    let door = web::Door::Cluster {
        client: client::connect().await?,
        oidc: oidc(args, &gate.origin())?.map(Box::new),
        allow_powerful_tokens: args.allow_powerful_tokens,
    };
    let namespace = args.server.operator_namespace.as_str().try_into()?;
    let site = web::Site::new(door, gate, namespace, stop.clone());
    let serve = listening(&args.server, web::router(site), proxies, &readiness, &stop)?;
    let work = async { Ok(serve.await?) };
    beside_http("web", &args.server.common, &metrics, &readiness, &stop, work).await
}

/// The provider by which people sign in, where there is one.
fn oidc(args: &WebArgs, origin: &str) -> anyhow::Result<Option<web::Oidc>> {
    let (Some(issuer), Some(client_id)) = (&args.oidc_issuer, &args.oidc_client_id) else {
        return Ok(None);
    };
    let secret = match &args.oidc_client_secret_file {
        Some(file) => {
            let content = read_private(file)?;
            let text = std::str::from_utf8(&content).context("the client's secret is no text")?;
            Some(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
        }
        None => None,
    };
    let authorities = authorities(args.oidc_ca_file.as_deref())?;
    let settings = web::OidcSettings {
        issuer: issuer.clone(),
        client_id: client_id.clone(),
        client_secret: secret,
        scopes: args.oidc_scopes.clone(),
        authorities,
    };
    Ok(Some(web::Oidc::new(settings, origin)?))
}

/// The certificates by which a provider is trusted, where they are not the usual ones.
fn authorities(file: Option<&Path>) -> anyhow::Result<Option<Vec<u8>>> {
    let content = file.map(read_private).transpose()?;
    Ok(content.map(|content| content.to_vec()))
}

async fn mcp(args: &McpArgs) -> anyhow::Result<()> {
    let stop = shutdown::on_signal()?;
    let (metrics, readiness) = (Metrics::new(), Readiness::default());
    let state = match &args.state_key_file {
        Some(file) => mcp::StateKey::from_file(&read_private(file)?)?,
        None => mcp::StateKey::generate(&mut entropy::system()),
    };
    let settings =
        mcp::Settings { chat_values: args.chat_values, web: args.web_url.clone(), state };
    let proxies = proxies(&args.server)?;
    let entrance = mcp::http::Entrance {
        public_url: &args.public_url,
        proxies: proxies.clone(),
        client: client::connect().await?,
        issuer: issuer(args)?,
        scopes: args.oidc_scopes.clone(),
        operator_namespace: args.server.operator_namespace.as_str().try_into()?,
    };
    let agent = mcp::Agent::of_each_request(settings);
    let router = mcp::http::router(entrance, agent.clone(), metrics.clone(), stop.clone())?;
    let serve = listening(&args.server, router, proxies, &readiness, &stop)?;
    let work = async {
        let served = serve.await;
        // What was refused is in the audit trail before the process ends.
        agent.settled().await;
        Ok(served?)
    };
    beside_http("mcp", &args.server.common, &metrics, &readiness, &stop, work).await
}

/// The issuer whose access tokens are taken beside the cluster's, where there is one.
fn issuer(args: &McpArgs) -> anyhow::Result<Option<server::Issuer>> {
    let Some(url) = &args.oidc_issuer else { return Ok(None) };
    let claims = server::ClaimNames {
        username: args.oidc_username_claim.clone(),
        username_prefix: args.oidc_username_prefix.clone(),
        groups: args.oidc_groups_claim.clone(),
        groups_prefix: args.oidc_groups_prefix.clone(),
    };
    let authorities = authorities(args.oidc_ca_file.as_deref())?;
    let settings = server::IssuerSettings { url: url.clone(), authorities, claims };
    let issuer = server::Issuer::new(settings)?;
    Ok(Some(issuer.requiring_at_jwt(args.oidc_require_at_jwt)))
}

fn read_private(file: &Path) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let content = std::fs::read(file).with_context(|| format!("can't read {}", file.display()))?;
    Ok(Zeroizing::new(content))
}

/// Looks until all is well or `--wait` is over, then says what is wrong.
fn doctor(args: &DoctorArgs) -> anyhow::Result<()> {
    const AGAIN: Duration = Duration::from_secs(2);
    anyhow::ensure!(
        args.account != args.namespace,
        "--account is the operator's own namespace, whose writes are not sealed: name another"
    );
    let ask = doctor::Ask { namespace: &args.namespace, account: Some(&args.account) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let found = runtime.block_on(async {
        let client = client::connect().await?;
        let end = clock::monotonic() + args.wait;
        loop {
            let found = doctor::findings(&doctor::look(&client, ask).await);
            if found.is_empty() || clock::monotonic() >= end {
                return anyhow::Ok(found);
            }
            tokio::time::sleep(AGAIN).await;
        }
    })?;
    #[expect(clippy::print_stdout, reason = "what was asked for")]
    for finding in &found {
        println!("{finding}");
    }
    anyhow::ensure!(found.is_empty(), "findings: {}, see above", found.len());
    #[expect(clippy::print_stdout, reason = "what was asked for")]
    {
        println!("all is well: what is written to {} is sealed", args.account);
    }
    Ok(())
}
