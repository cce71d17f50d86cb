//! The kubeconfig, as kubectl finds and understands it. What is said of it quotes nothing:
//! there are credentials in it.

use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::Path;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};

use super::failure::Failure;

/// The files of `KUBECONFIG`, or the one in the home folder; or the one that was given.
/// None where none is there. One of several that is not there is left out.
pub(crate) fn read(file: Option<&Path>) -> Result<Option<Kubeconfig>, Failure> {
    if let Some(file) = file {
        return Kubeconfig::read_from(file).map(Some).map_err(|error| unreadable(&error, true));
    }
    let named = std::env::var_os("KUBECONFIG").unwrap_or_default();
    let named: Vec<_> = std::env::split_paths(&named).filter(|p| p != Path::new("")).collect();
    let files: Vec<_> = match named.as_slice() {
        [] => vec![Kubeconfig::read()],
        named => named.iter().map(Kubeconfig::read_from).collect(),
    };
    let mut merged: Option<Kubeconfig> = None;
    for read in files {
        let next = match read {
            Ok(next) => next,
            Err(KubeconfigError::ReadConfig(error, _)) if error.kind() == ErrorKind::NotFound => {
                continue;
            }
            Err(KubeconfigError::FindPath) => continue,
            Err(error) => return Err(unreadable(&error, false)),
        };
        let both = merged.unwrap_or_default().merge(next);
        merged = Some(both.map_err(|error| unreadable(&error, false))?);
    }
    Ok(merged)
}

/// What it says of one cluster and user.
pub(crate) async fn config(
    kubeconfig: Kubeconfig,
    options: &KubeConfigOptions,
) -> Result<Config, Failure> {
    if let Some(user) = &options.user
        && !kubeconfig.auth_infos.iter().any(|named| named.name == *user)
    {
        return Err(Failure::plain(
            "the kubeconfig has no such user: see kubectl config get-users",
        ));
    }
    let own = own_proxy(&kubeconfig, options);
    let config = Config::from_custom_kubeconfig(kubeconfig, options).await;
    let mut config = config.map_err(|error| match error {
        KubeconfigError::LoadClusterOfContext(_) if options.cluster.is_some() => {
            Failure::plain("the kubeconfig has no such cluster: see kubectl config get-clusters")
        }
        error => unreadable(&error, false),
    })?;
    // Not as kube chooses: it compares NO_PROXY with the proxy, not with the cluster.
    config.proxy_url = match own {
        Some(own) => Some(own.parse().map_err(|_| {
            Failure::plain("the proxy-url of the kubeconfig's cluster is not a URL")
        })?),
        None => environments_proxy(&config.cluster_url),
    };
    Ok(config)
}

/// The proxy that a cluster names; that of the environment does not count then.
fn own_proxy(kubeconfig: &Kubeconfig, options: &KubeConfigOptions) -> Option<String> {
    let context = options.context.as_ref().or(kubeconfig.current_context.as_ref())?;
    let context = kubeconfig.contexts.iter().find(|named| named.name == *context)?;
    let cluster = options.cluster.as_ref().or(context.context.as_ref().map(|c| &c.cluster))?;
    let cluster = kubeconfig.clusters.iter().find(|named| named.name == *cluster)?;
    cluster.cluster.as_ref()?.proxy_url.clone().filter(|url| !url.is_empty())
}

/// The proxy that `HTTPS_PROXY` and `NO_PROXY` give for a cluster. As for all programs in Go,
/// kubectl among them, never for this machine itself.
fn environments_proxy(cluster: &Uri) -> Option<Uri> {
    let set = |names: [&str; 2]| {
        let mut set = names.iter().filter_map(|name| std::env::var(name).ok());
        set.find(|value| !value.is_empty()).unwrap_or_default()
    };
    let proxy = match cluster.scheme_str() {
        Some("http") => set(["HTTP_PROXY", "http_proxy"]),
        _ => set(["HTTPS_PROXY", "https_proxy"]),
    };
    proxy_for(cluster, &proxy, &set(["NO_PROXY", "no_proxy"]))
}

fn proxy_for(cluster: &Uri, proxy: &str, no_proxy: &str) -> Option<Uri> {
    let host = cluster.host()?.trim_matches(['[', ']']);
    if host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()) {
        return None;
    }
    Matcher::builder().all(proxy.to_owned()).no(no_proxy.to_owned()).build().intercept(cluster)?;
    // As it was written: the matcher takes name and password out.
    match proxy.contains("://") {
        true => proxy.parse().ok(),
        false => format!("http://{proxy}").parse().ok(),
    }
}

fn unreadable(error: &KubeconfigError, is_given: bool) -> Failure {
    let text = match error {
        KubeconfigError::CurrentContextNotSet => {
            "the kubeconfig names no current context: give --context, or kubectl config use-context"
        }
        KubeconfigError::LoadContext(_) => {
            "the kubeconfig has no such context: see kubectl config get-contexts"
        }
        KubeconfigError::LoadClusterOfContext(_) => {
            "the kubeconfig's context names a cluster that is not in it"
        }
        KubeconfigError::ReadConfig(..) if is_given => "the file of --kubeconfig can't be read",
        KubeconfigError::ReadConfig(..) => {
            "the kubeconfig can't be read: see KUBECONFIG and ~/.kube/config"
        }
        KubeconfigError::ParseProxyUrl(_) => {
            "the proxy can't be used: see the cluster's proxy-url in the kubeconfig, and HTTPS_PROXY"
        }
        KubeconfigError::ParseNoProxy(_) => {
            "NO_PROXY can't be read: it takes hosts and addresses with one comma between two"
        }
        _ => "the kubeconfig can't be used: try kubectl config view",
    };
    Failure::plain(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environments_proxy_is_for_clusters_elsewhere_that_no_proxy_does_not_name() {
        let to = |cluster: &str, proxy: &str, no_proxy: &str| {
            let proxy = proxy_for(&cluster.parse().unwrap(), proxy, no_proxy);
            proxy.map(|proxy| proxy.to_string())
        };
        let (far, proxy) = ("https://api.example.org:6443", "http://me:pass@proxy:3128");
        let same = Some("http://me:pass@proxy:3128/".to_owned());
        assert_eq!(to(far, proxy, ""), same);
        // kube would not use it: it is the proxy that is named.
        assert_eq!(to(far, proxy, "proxy"), same);
        assert_eq!(to(far, "proxy:3128", "").as_deref(), Some("http://proxy:3128/"));
        assert_eq!(to(far, "socks5://proxy:1080", "").as_deref(), Some("socks5://proxy:1080/"));
        for no_proxy in ["api.example.org", "example.org", "other, .example.org", "*"] {
            assert_eq!(to(far, proxy, no_proxy), None, "{no_proxy}");
        }
        assert_eq!(to("https://10.1.2.3", proxy, "10.0.0.0/8"), None);
        assert_eq!(to(far, "", ""), None);
        for local in ["https://127.0.0.1:6443", "https://localhost:6443", "https://[::1]:6443"] {
            assert_eq!(to(local, proxy, ""), None, "{local}");
        }
    }
}
