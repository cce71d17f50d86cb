#![expect(clippy::disallowed_types, reason = "asks the API server who calls")]
//! `kubectl kliv ui`: the web page on this machine, as whoever calls.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::Api;
use kube::api::PostParams;
use tempfile::NamedTempFile;

use super::args::duration;
use super::failure::Failure;
use super::output;
use super::session::Session;
use crate::account::{Caller, What};
use crate::runtime::{Readiness, entropy, shutdown};
use crate::server;
use crate::web::{self, CookieKey, Door, Gate, Link, Site};

/// Open the web page on this machine, as yourself
///
/// The page comes from this program and acts with your kubeconfig's rights. Nobody else can
/// open it: it is served on loopback alone, and the link signs one browser in, once. It ends
/// with Ctrl-C, or when no page is open and nothing was asked for a while.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Print the link and open no browser
    #[arg(long)]
    no_browser: bool,

    /// The port of loopback to serve at; 0 is any that is free
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    port: u16,

    /// End when no page was open and nothing was asked for so long
    #[arg(long, default_value = "30m", value_name = "DURATION", value_parser = duration)]
    idle: Duration,
}

pub(crate) async fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    let stop = shutdown::on_signal().map_err(|_| Failure::plain("can't listen for signals"))?;
    let caller = session.caller().await?;
    let who = who(&caller).await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port));
    let listener = listener.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Failure::plain("the port is taken: leave --port out"),
        _ => Failure::plain("can't listen on that port of 127.0.0.1: leave --port out"),
    })?;
    let address = listener.local_addr();
    let port = address.map_err(|_| Failure::plain("can't listen on 127.0.0.1"))?.port();

    let rng = &mut entropy::system();
    let gate = Gate::local(port, CookieKey::generate(rng));
    let (link, token) = Link::new(rng);
    let (used, address) = (link.used(), token.address(&gate.origin()));
    let Caller { client, namespace, operator_namespace, .. } = caller;
    let door = Door::Local { client, who, namespace, link };
    let site = Site::new(door, gate, operator_namespace, stop.clone());
    let ready = Readiness::default().check("a port");
    let reached = server::Reached { listener, tls: None, proxies: server::Proxies::none() };
    let serve = server::serve(web::router(site.clone()), reached, ready, stop.clone());

    output::print(&format!("{}\n", *address))?;
    output::tell("The link signs one browser in, once. Ctrl-C ends the page.");
    let shown = if args.no_browser { None } else { open(&address) };
    let until_used = async {
        used.cancelled().await;
        drop(shown);
        std::future::pending::<()>().await;
    };
    let idle = async {
        site.gate.idle(args.idle).await;
        output::tell("Nobody asked for anything: the page ends.");
        stop.cancel();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = serve => ended.map_err(|error| Failure::plain(error.to_string())),
        () = until_used => Ok(()),
        () = idle => Ok(()),
    }
}

/// What the API server calls whoever calls.
pub(super) async fn who(caller: &Caller) -> Result<String, Failure> {
    let reviews: Api<SelfSubjectReview> = Api::all(caller.client.clone());
    let answer = reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await;
    let answer = answer.map_err(|error| caller.kind(What::Rights, "").failed(&error))?;
    let user = answer.status.and_then(|status| status.user_info);
    Ok(user.and_then(|user| user.username).unwrap_or_default())
}

/// Shows the page in a browser. The link is in a file that only this user can read: as an
/// argument of the browser everybody on the machine could see it. The file is there as long
/// as what this returns.
fn open(address: &str) -> Option<NamedTempFile> {
    let seen = |variable: &str| std::env::var_os(variable).is_some_and(|value| !value.is_empty());
    let has_screen = cfg!(target_os = "macos") || seen("DISPLAY") || seen("WAYLAND_DISPLAY");
    // Without one a browser would take over this terminal.
    if !has_screen {
        return None;
    }
    let shown = leading_to(address).and_then(|file| {
        open::that_detached(file.path())?;
        Ok(file)
    });
    if shown.is_err() {
        output::tell("No browser could be started: open the link yourself.");
    }
    shown.ok()
}

/// A page that leads to the address at once.
fn leading_to(address: &str) -> io::Result<NamedTempFile> {
    let folder = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|f| f.is_dir());
    let folder = folder.unwrap_or_else(std::env::temp_dir);
    let file = tempfile::Builder::new().prefix("kliv-ui-").suffix(".html").tempfile_in(folder)?;
    let mut page: &File = file.as_file();
    write!(
        page,
        "<!doctype html>\n<meta charset=\"utf-8\">\n<meta name=\"referrer\" \
         content=\"no-referrer\">\n<meta http-equiv=\"refresh\" content=\"0; url={address}\">\n\
         <title>kliv-secrets</title>\n<a href=\"{address}\">kliv-secrets</a>\n"
    )?;
    page.flush()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn only_the_user_reads_the_file_with_the_link_and_it_goes_with_it() {
        let file = leading_to("http://127.0.0.1:1/sign-in/link?token=abc").unwrap();
        let path = file.path().to_owned();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("url=http://127.0.0.1:1/sign-in/link?token=abc\""), "{text}");
        drop(file);
        assert!(!path.exists());
    }
}
