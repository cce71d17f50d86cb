//! The chart's web server: none by default; where it is on, as hardened as the others, with
//! arguments that the program takes.

use kliv_secrets::runtime::args::{Command, WebArgs};
use serde_json::{Value, json};

use crate::chart;
use crate::harness;
use crate::rendered::{command, find, is_mounted, objects, pod, render, render_on};

const URL: &str = "web.enabled=true,web.publicURL=https://secrets.example.org";
const TLS: &str = "web.tls.secretName=web-tls";
const PROXY: &str = "web.proxies=1,web.proxyFrom={192.0.2.0/24,2001:db8::/64}";

#[tokio::test]
async fn by_default_there_is_none_of_it() {
    let rendered = render(&[]).await.success();
    assert!(!rendered.contains("kliv-secrets-web\n") && !rendered.contains("impersonate"));
}

#[tokio::test]
async fn it_is_as_hardened_as_the_webhook() {
    let objects = objects(&[URL, TLS]).await;
    let spec = |part: &str| pod(&objects, part).clone();
    let (web, webhook) = (spec("web"), spec("webhook"));
    for field in ["securityContext", "enableServiceLinks", "automountServiceAccountToken"] {
        assert_eq!(web[field], webhook[field], "{field}");
    }
    let of = |spec: &Value, field: &str| spec["containers"][0][field].clone();
    for field in ["securityContext", "startupProbe", "livenessProbe", "readinessProbe", "lifecycle"]
    {
        assert!(!of(&web, field).is_null());
        assert_eq!(of(&web, field), of(&webhook, field), "{field}");
    }
    assert!(of(&web, "resources")["limits"]["memory"].is_string());
    find(&objects, "PodDisruptionBudget", "web");
}

#[tokio::test]
async fn the_program_takes_the_arguments_and_finds_its_files() {
    let plain = args(&[URL, "web.tls.atProxy=true", PROXY]).await;
    assert_eq!(plain.public_url, "https://secrets.example.org");
    assert!(plain.server.tls_dir.is_none() && plain.session_key_file.is_none());
    assert_eq!((plain.server.proxies, plain.server.proxy_from.len()), (1, 2));
    assert!(plain.oidc_issuer.is_none() && !plain.allow_powerful_tokens);

    let oidc = "web.oidc.issuer=https://id.example.org/a,web.oidc.clientID=kliv,\
                web.oidc.clientSecret.secretName=client,web.oidc.ca.configMapName=ca,\
                web.oidc.scopes={groups,email}";
    let rest = "web.replicas=2,web.sessionKey.secretName=session,web.sessionLifetime=30m,\
                web.allowPowerfulTokens=true";
    let values = [URL, TLS, oidc, rest];
    let args = args(&values).await;
    assert_eq!(args.oidc_issuer.as_deref(), Some("https://id.example.org/a"));
    assert_eq!(args.oidc_client_id.as_deref(), Some("kliv"));
    assert_eq!(args.oidc_scopes, ["groups", "email"]);
    assert_eq!(args.session_lifetime.as_secs(), 30 * 60);
    assert!(args.allow_powerful_tokens);
    let objects = objects(&values).await;
    let pod = pod(&objects, "web");
    let files = [&args.server.tls_dir, &args.session_key_file, &args.oidc_client_secret_file];
    for file in files.into_iter().chain([&args.oidc_ca_file]) {
        is_mounted(pod, file.as_deref());
    }
}

#[tokio::test]
async fn what_can_not_work_is_refused_with_the_way_out() {
    for (values, says) in [
        (&["web.enabled=true"][..], "web.publicURL"),
        (&[URL], "web.tls.secretName"),
        (&[URL, TLS, "web.tls.atProxy=true"], "web.tls.atProxy"),
        (&[URL, TLS, "web.replicas=2"], "web.sessionKey.secretName"),
        (&[URL, TLS, "web.oidc.issuer=https://id.example.org"], "web.oidc.clientID"),
        (&[URL, TLS, PROXY, "web.httpRoute.enabled=true"], "web.httpRoute.parentRefs"),
        (&[URL, TLS, "web.ingress.enabled=true"], "web.proxies"),
        (&[URL, TLS, "web.proxies=1"], "web.proxyFrom"),
        (&["web.proxyFrom={proxy.example.org}"], "proxyFrom"),
        (&[URL, "web.tls.atProxy=true"], "web.proxies"),
        (&["web.publicURL=https://a.example.org/path"], "publicURL"),
        (&["web.publicURL=http://a.example.org"], "publicURL"),
        (&["web.oidc.issuer=http://id.example.org"], "issuer"),
        (&["web.extraKeys={scopes}"], "extraKeys"),
    ] {
        let said = render(values).await.failure();
        assert!(said.contains(says), "{values:?}: {said}");
    }
    let said = render_on(chart::OLDER, &[URL, TLS]).await.failure();
    assert!(said.contains("Kubernetes 1.36"), "{said}");
}

#[tokio::test]
async fn ways_in_lead_to_its_service() {
    let ways = "web.ingress.enabled=true,web.ingress.className=nginx,\
                web.ingress.tlsSecretName=edge,web.httpRoute.enabled=true,\
                web.httpRoute.parentRefs[0].name=public";
    let objects = objects(&[URL, "web.tls.atProxy=true", PROXY, ways]).await;
    let service = find(&objects, "Service", "web");
    assert_eq!(service["spec"]["ports"][0]["port"], 80);
    let ingress = &find(&objects, "Ingress", "web")["spec"];
    assert_eq!(ingress["rules"][0]["host"], "secrets.example.org");
    assert_eq!(ingress["tls"][0]["secretName"], "edge");
    let backend = &ingress["rules"][0]["http"]["paths"][0]["backend"]["service"];
    assert_eq!(*backend, json!({ "name": "kliv-secrets-web", "port": { "name": "web" } }));
    let route = &find(&objects, "HTTPRoute", "web")["spec"];
    assert_eq!(route["hostnames"], json!(["secrets.example.org"]));
    let backend = json!([{ "name": "kliv-secrets-web", "port": 80 }]);
    assert_eq!(route["rules"][0]["backendRefs"], backend);
    // Both are taken by an API server, or would be where Gateways are installed.
    let cluster = harness::control_plane().await;
    let mut ingress = find(&objects, "Ingress", "web").clone();
    ingress["metadata"]["namespace"] = json!("default");
    let apply = ["apply", "--dry-run=server", "--validate=strict", "-f", "-"];
    cluster.kubectl_reading(&ingress.to_string(), &apply).success();
}

#[tokio::test]
async fn where_the_network_is_guarded_the_web_server_is_reached_by_whom_the_values_name() {
    let guarded = "networkPolicy.enabled=true,networkPolicy.apiServer.addresses={192.0.2.10/32}";
    let from = "networkPolicy.webFrom[0].podSelector.matchLabels.a=b";
    let objects = objects(&[URL, TLS, guarded, from]).await;
    let policy = &find(&objects, "NetworkPolicy", "web")["spec"];
    let peers = json!([{ "podSelector": { "matchLabels": { "a": "b" } } }]);
    let ports = json!([{ "protocol": "TCP", "port": "web" }]);
    assert_eq!(policy["ingress"], json!([{ "from": peers, "ports": ports }]));
    assert_eq!(policy["egress"].as_array().map(Vec::len), Some(1));

    let said = render(&[URL, TLS, guarded]).await.failure();
    assert!(said.contains("networkPolicy.webFrom"), "{said}");
    let oidc = "web.oidc.issuer=https://id.example.org,web.oidc.clientID=kliv";
    let said = render(&[URL, TLS, guarded, from, oidc]).await.failure();
    assert!(said.contains("networkPolicy.webEgress"), "{said}");
}

async fn args(values: &[&str]) -> WebArgs {
    match command(&objects(values).await, "web") {
        Command::Web(args) => *args,
        _ => panic!("not the server"),
    }
}
