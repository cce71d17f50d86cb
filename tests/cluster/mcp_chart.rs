//! The chart's agents' server: none by default; where it is on, as hardened as the web server,
//! with arguments that the program takes.

use kliv_secrets::runtime::args::{Command, McpArgs};
use serde_json::{Value, json};

use crate::chart;
use crate::harness;
use crate::rendered::{command, find, is_mounted, objects, pod, render, render_on};

const URL: &str = "mcp.enabled=true,mcp.publicURL=https://agents.example.org";
const TLS: &str = "mcp.tls.secretName=mcp-tls";
const PROXY: &str = "mcp.proxies=1,mcp.proxyFrom={192.0.2.0/24,2001:db8::/64}";
const WEB: &str = "web.enabled=true,web.publicURL=https://secrets.example.org,\
                   web.tls.secretName=web-tls";

#[tokio::test]
async fn by_default_there_is_none_of_it() {
    let rendered = render(&[]).await.success();
    assert!(!rendered.contains("kliv-secrets-mcp") && !rendered.contains("impersonate"));
    // Nor does either server bring the other.
    assert!(!render(&[WEB]).await.success().contains("kliv-secrets-mcp"));
    assert!(!render(&[URL, TLS]).await.success().contains("kliv-secrets-web\n"));
}

#[tokio::test]
async fn it_is_as_hardened_as_the_web_server() {
    let objects = objects(&[URL, TLS, WEB]).await;
    let (mut mcp, mut web) = (pod(&objects, "mcp").clone(), pod(&objects, "web").clone());
    assert_eq!(mcp["serviceAccountName"], "kliv-secrets-mcp");
    // All else is the same.
    for spec in [&mut mcp, &mut web] {
        for own in ["serviceAccountName", "topologySpreadConstraints", "volumes"] {
            spec[own].take();
        }
        for own in ["name", "args", "ports"] {
            spec["containers"][0][own].take();
        }
    }
    assert_eq!(mcp, web);
    find(&objects, "PodDisruptionBudget", "mcp");
}

#[tokio::test]
async fn the_program_takes_the_arguments_and_finds_its_files() {
    let plain = args(&[URL, "mcp.tls.atProxy=true", PROXY]).await;
    assert_eq!(plain.public_url, "https://agents.example.org");
    assert!(
        plain.server.tls_dir.is_none()
            && plain.state_key_file.is_none()
            && plain.server.proxies == 1
            && plain.server.proxy_from.len() == 2
    );
    assert!(plain.oidc_issuer.is_none() && plain.web_url.is_none() && !plain.chat_values);

    let oidc = "mcp.oidc.issuer=https://id.example.org/a,mcp.oidc.usernameClaim=email,\
                mcp.oidc.usernamePrefix=oidc:,mcp.oidc.groupsClaim=groups,\
                mcp.oidc.groupsPrefix=oidc:,mcp.oidc.ca.configMapName=ca,\
                mcp.oidc.scopes={openid,use},mcp.oidc.requireAtJwt=true";
    let rest = "mcp.replicas=2,mcp.stateKey.secretName=state,mcp.chatValues=true";
    let values = [URL, TLS, oidc, rest, WEB];
    let args = args(&values).await;
    assert_eq!(args.oidc_issuer.as_deref(), Some("https://id.example.org/a"));
    assert_eq!(args.oidc_username_claim, "email");
    assert_eq!(args.oidc_username_prefix.as_deref(), Some("oidc:"));
    assert_eq!(args.oidc_groups_claim.as_deref(), Some("groups"));
    assert_eq!(args.oidc_groups_prefix.as_deref(), Some("oidc:"));
    assert_eq!(args.oidc_scopes, ["openid", "use"]);
    assert!(args.chat_values && args.oidc_require_at_jwt);
    assert!(args.server.proxies == 0 && args.server.proxy_from.is_empty());
    // Links lead to the web server.
    assert_eq!(args.web_url.as_deref(), Some("https://secrets.example.org"));
    let objects = objects(&values).await;
    let pod = pod(&objects, "mcp");
    for file in [&args.server.tls_dir, &args.state_key_file, &args.oidc_ca_file] {
        is_mounted(pod, file.as_deref());
    }
}

#[tokio::test]
async fn what_can_not_work_is_refused_with_the_way_out() {
    for (values, says) in [
        (&["mcp.enabled=true"][..], "mcp.publicURL"),
        (&[URL], "mcp.tls.secretName"),
        (&[URL, TLS, "mcp.tls.atProxy=true"], "mcp.tls.atProxy"),
        (&[URL, TLS, "mcp.replicas=2"], "mcp.stateKey.secretName"),
        (&[URL, TLS, "mcp.oidc.groupsClaim=groups"], "mcp.oidc.issuer"),
        (
            &[URL, TLS, "mcp.oidc.issuer=https://id.example.org,mcp.oidc.groupsPrefix=a:"],
            "mcp.oidc.groupsClaim",
        ),
        (&[URL, TLS, PROXY, "mcp.httpRoute.enabled=true"], "mcp.httpRoute.parentRefs"),
        (&[URL, TLS, "mcp.ingress.enabled=true"], "mcp.proxies"),
        (&[URL, TLS, "mcp.proxies=1"], "mcp.proxyFrom"),
        (&["mcp.proxyFrom={proxy.example.org}"], "proxyFrom"),
        (&[URL, TLS, WEB, "web.publicURL=https://agents.example.org/"], "a host each"),
        (&["mcp.publicURL=https://a.example.org/path"], "publicURL"),
        (&["mcp.publicURL=http://a.example.org"], "publicURL"),
        (&["mcp.oidc.issuer=http://id.example.org"], "issuer"),
        (&["mcp.oidc.scopes={a b}"], "scopes"),
        (&["mcp.extraKeys={scopes}"], "extraKeys"),
    ] {
        let said = render(values).await.failure();
        assert!(said.contains(says), "{values:?}: {said}");
    }
    let said = render_on(chart::OLDER, &[URL, TLS]).await.failure();
    assert!(said.contains("Kubernetes 1.36") && said.contains("kubectl kliv mcp"), "{said}");
}

#[tokio::test]
async fn ways_in_lead_to_its_service() {
    let ways = "mcp.ingress.enabled=true,mcp.ingress.className=nginx,\
                mcp.ingress.tlsSecretName=edge,mcp.httpRoute.enabled=true,\
                mcp.httpRoute.parentRefs[0].name=public";
    let objects = objects(&[URL, "mcp.tls.atProxy=true", PROXY, ways]).await;
    assert_eq!(find(&objects, "Service", "mcp")["spec"]["ports"][0]["port"], 80);
    let ingress = &find(&objects, "Ingress", "mcp")["spec"];
    assert_eq!(ingress["rules"][0]["host"], "agents.example.org");
    assert_eq!(ingress["tls"][0]["secretName"], "edge");
    let backend = &ingress["rules"][0]["http"]["paths"][0]["backend"]["service"];
    assert_eq!(*backend, json!({ "name": "kliv-secrets-mcp", "port": { "name": "mcp" } }));
    let route = &find(&objects, "HTTPRoute", "mcp")["spec"];
    assert_eq!(route["hostnames"], json!(["agents.example.org"]));
    let backend = json!([{ "name": "kliv-secrets-mcp", "port": 80 }]);
    assert_eq!(route["rules"][0]["backendRefs"], backend);
}

/// All of it but the route, whose kind is installed with Gateways.
#[tokio::test]
async fn an_api_server_takes_what_is_rendered_to_the_letter() {
    let rest = "mcp.stateKey.secretName=state,mcp.ingress.enabled=true,mcp.proxies=1";
    let mine = |o: &Value| o["metadata"]["name"] == "kliv-secrets-mcp";
    let objects = objects(&[URL, TLS, rest, GUARDED, FROM]).await;
    let objects: Vec<Value> = objects.into_iter().filter(mine).collect();
    let kinds: Vec<&str> = objects.iter().filter_map(|o| o["kind"].as_str()).collect();
    for kind in ["ServiceAccount", "ClusterRole", "Role", "Deployment", "Service", "Ingress"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    let cluster = harness::control_plane().await;
    for mut object in objects {
        if object["metadata"]["namespace"].is_string() {
            object["metadata"]["namespace"] = json!("default");
        }
        let apply = ["apply", "--dry-run=server", "--validate=strict", "-f", "-"];
        cluster.kubectl_reading(&object.to_string(), &apply).success();
    }
}

const GUARDED: &str =
    "networkPolicy.enabled=true,networkPolicy.apiServer.addresses={192.0.2.10/32}";
const FROM: &str = "networkPolicy.mcpFrom[0].podSelector.matchLabels.a=b";

#[tokio::test]
async fn where_the_network_is_guarded_it_is_reached_by_whom_the_values_name() {
    let objects = objects(&[URL, TLS, GUARDED, FROM]).await;
    let policy = &find(&objects, "NetworkPolicy", "mcp")["spec"];
    let peers = json!([{ "podSelector": { "matchLabels": { "a": "b" } } }]);
    let ports = json!([{ "protocol": "TCP", "port": "mcp" }]);
    assert_eq!(policy["ingress"], json!([{ "from": peers, "ports": ports }]));
    assert_eq!(policy["egress"].as_array().map(Vec::len), Some(1));

    // Whoever gets that far is a proxy, where there are any.
    let proxied = args(&[URL, TLS, GUARDED, FROM, "mcp.proxies=1"]).await;
    let all: [ipnet::IpNet; 2] = ["0.0.0.0/0", "::/0"].map(|block| block.parse().expect("a block"));
    assert_eq!(proxied.server.proxy_from, all);
    let proxied = args(&[URL, TLS, GUARDED, FROM, PROXY]).await;
    assert_eq!(proxied.server.proxy_from.len(), 2);
    assert!(args(&[URL, TLS, GUARDED, FROM]).await.server.proxy_from.is_empty());

    let said = render(&[URL, TLS, GUARDED]).await.failure();
    assert!(said.contains("networkPolicy.mcpFrom"), "{said}");
    let said = render(&[URL, TLS, GUARDED, FROM, "mcp.oidc.issuer=https://id.example.org"]).await;
    let said = said.failure();
    assert!(said.contains("networkPolicy.mcpEgress"), "{said}");
}

#[tokio::test]
async fn its_numbers_are_read_and_the_install_tells_where_peoples_page_is() {
    let objects = objects(&[URL, TLS, WEB, "metrics.podMonitor.enabled=true"]).await;
    let monitor = objects.iter().find(|o| o["kind"] == "PodMonitor").expect("a PodMonitor");
    let parts = &monitor["spec"]["selector"]["matchExpressions"][0]["values"];
    assert_eq!(*parts, json!(["controller", "webhook", "web", "mcp"]));
    let install = find(&objects, "ConfigMap", "install");
    assert_eq!(install["data"]["web-url"], "https://secrets.example.org");
}

async fn args(values: &[&str]) -> McpArgs {
    match command(&objects(values).await, "mcp") {
        Command::Mcp(args) => *args,
        _ => panic!("not the server"),
    }
}
