//! The way of `kubectl kliv` to an API server, and back to whoever reads: login programs,
//! kubeconfigs, proxies, pipes that close, answers that do not come.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use crate::cli_support::{Said, Server, run, secret};

/// No output may ever hold it.
const CANARY: &str = "sk_live_c4n4ryc4n4ryc4n4ryXYZ";

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("one JSON object: {text}"))
}

/// A program that shows what it finds on standard input.
fn curious(interactive_mode: &str) -> Value {
    let token = r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t0ken"}}"#;
    let script = format!("echo login finds: >&2; cat >&2; echo '{token}'");
    json!({ "exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": interactive_mode,
        "command": "sh", "args": ["-c", script],
    } })
}

#[test]
fn a_login_program_finds_no_value_on_standard_input() {
    let server = Server::start();
    let file = server.file("env", &format!("FILE_KEY={CANARY}\n"));
    let file = file.to_str().expect("text");
    let cluster = json!({ "server": server.url() });
    let due = json!({ "envVar": "A_KEY", "request": { "purpose": "p" } });
    server.memory().secrets.insert("asked-key".into(), secret("asked-key", &due, 1));
    let kubeconfig = server.kubeconfig("login", &cluster, &curious("IfAvailable"));
    for args in [
        &["set", "A_KEY", "--from-stdin", "--no-wait"][..],
        &["rotate", "A_KEY", "--from-stdin", "--no-wait"],
        &["seal", "A_KEY", "--from-stdin"],
        &["import", "-", "--yes", "--no-wait"],
        &["import", file, "--yes", "--no-wait"],
        &["list"],
    ] {
        let mut command = server.command(args);
        command.env("KUBECONFIG", &kubeconfig);
        let stdin = if args[0] == "import" { format!("B_KEY={CANARY}") } else { CANARY.into() };
        let said = run(command, &stdin);
        assert_eq!(said.code, 0, "{args:?}: {said:?}");
        assert!(said.stderr.contains("login finds:"), "{args:?}: {said:?}");
        assert!(!said.stderr.contains(CANARY), "{args:?}: {said:?}");
    }
    assert_eq!(server.memory().secrets.len(), 4);

    let kubeconfig = server.kubeconfig("asks", &cluster, &curious("Always"));
    let mut command = server.command(&["set", "A_KEY", "--from-stdin"]);
    command.env("KUBECONFIG", kubeconfig);
    let said = run(command, CANARY);
    assert!(said.code == 1 && said.stderr.contains("that is no terminal"), "{said:?}");
}

#[test]
fn what_an_agent_says_is_heard_by_the_agents_door_and_by_no_login_program() {
    let server = Server::start();
    let cluster = json!({ "server": server.url() });
    let kubeconfig = server.kubeconfig("login", &cluster, &curious("IfAvailable"));
    let mut command = server.command(&["mcp"]);
    command.env("KUBECONFIG", &kubeconfig);
    let begins = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": { "name": CANARY, "version": "1" },
    } });

    let said = run(command, &format!("{begins}\n"));

    assert!(said.stderr.contains("login finds:") && !said.stderr.contains(CANARY), "{said:?}");
    let answer = said.stdout.lines().next().unwrap_or_else(|| panic!("no answer: {said:?}"));
    assert_eq!(json_of(answer)["result"]["serverInfo"]["name"], "kliv-secrets");
}

/// With a standard output that nobody reads.
fn unread(mut command: Command) -> (i32, String) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped());
    let output = command.spawn().expect("starts").wait_with_output().expect("ends");
    let stderr = String::from_utf8(output.stderr).expect("text");
    (output.status.code().expect("ends by itself"), stderr)
}

#[test]
fn a_verb_that_writes_writes_all_though_nobody_reads_what_it_says() {
    let server = Server::start();
    let file = server.file("env", "A_KEY=one-one-one\nB_KEY=two-two-two\n");
    let file = file.to_str().expect("text");

    assert_eq!(unread(server.command(&["import", file, "--yes"])).0, 0);

    assert_eq!(server.memory().secrets.len(), 2);
    let waits = |server: &Server| {
        let memory = server.memory();
        memory.requests.iter().filter(|(_, path, _)| path.ends_with("klivaccounts/default")).count()
    };
    assert_eq!(waits(&server), 1, "it waits until functions run with it");
    let value = server.file("value", "three-three");
    let value = value.to_str().expect("text");
    assert_eq!(unread(server.command(&["set", "A_KEY", "--from-file", value])).0, 0);
    assert_eq!(waits(&server), 2);
}

#[test]
fn what_a_check_finds_decides_how_it_ends_though_nobody_reads_it() {
    let (server, _) = with_two_keys();
    let manifest = json!({
        "apiVersion": "secrets.kliv.dev/v1alpha1", "kind": "KlivSecret",
        "metadata": { "name": "a-key" }, "spec": { "envVar": "A_KEY", "value": CANARY },
    });
    let file = server.file("a.yaml", &manifest.to_string());
    let check = ["seal", "--check", file.to_str().expect("text")];
    let (code, stderr) = unread(server.command(&check));
    assert_eq!(code, 1, "{stderr}");
    // A list that nobody reads is no error.
    assert_eq!(unread(server.command(&["list"])), (0, String::new()));
}

#[test]
fn what_is_shown_of_an_object_that_was_written_is_that_object_alone() {
    let server = Server::start();
    for format in ["json", "yaml", "name"] {
        let said = run(server.command(&["set", "A_KEY", "--from-stdin", "-o", format]), CANARY);
        assert_eq!(said.code, 0, "{said:?}");
        assert!(!said.stdout.contains("live on"), "{said:?}");
        assert!(said.stderr.ends_with("live on 1 of 1 function\n"), "{said:?}");
        if format == "json" {
            assert_eq!(json_of(&said.stdout)["metadata"]["name"], "a-key");
        }
    }
}

#[test]
fn a_kubeconfig_that_is_not_there_is_left_out_of_several() {
    let server = Server::start();
    let list = |kubeconfig: &str| {
        let mut command = server.command(&["list"]);
        let there = server.url();
        let there =
            server.kubeconfig("there", &json!({ "server": there }), &json!({ "token": "t" }));
        command.env("KUBECONFIG", kubeconfig.replace('@', there.to_str().expect("text")));
        // As in a pod.
        command.env("KUBERNETES_SERVICE_HOST", "127.0.0.1").env("KUBERNETES_SERVICE_PORT", "9");
        run(command, "")
    };
    for kubeconfig in ["@", "/nowhere:@", "@:/nowhere", ":/nowhere::@"] {
        let said = list(kubeconfig);
        assert_eq!(said.code, 0, "{kubeconfig}: {said:?}");
    }
    let said = list("/nowhere:/nowhere/either");
    assert!(said.stderr.contains("no cluster to talk to"), "{said:?}");
    let broken = server.file("broken", "- no\n");
    let said = list(&format!("@:{}", broken.display()));
    assert!(said.stderr.contains("the kubeconfig can't be used"), "{said:?}");
}

/// A proxy that leads everybody to one place; and whom it was asked for.
fn proxy(to: u16) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    thread::spawn(move || {
        for near in listener.incoming() {
            let mut near = near.expect("a connection");
            let mut first = [0];
            near.peek(&mut first).expect("a request");
            let what = if first == [5] { taken_by_socks(&mut near) } else { taken(&mut near) };
            log.lock().expect("a log").push(what);
            let mut far = TcpStream::connect(("127.0.0.1", to)).expect("a connection");
            let (mut from, mut back) =
                (near.try_clone().expect("two"), far.try_clone().expect("two"));
            thread::spawn(move || drop(std::io::copy(&mut back, &mut from)));
            thread::spawn(move || drop(std::io::copy(&mut near, &mut far)));
        }
    });
    (port, asked)
}

/// Takes a CONNECT.
fn taken(near: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && near.read(&mut byte).expect("a request") > 0 {
        head.push(byte[0]);
    }
    near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").expect("an answer");
    String::from_utf8(head).expect("text")
}

/// Takes a connection by name, without a password (RFC 1928).
fn taken_by_socks(near: &mut TcpStream) -> String {
    let read = |mut near: &TcpStream, length: u8| {
        let mut bytes = vec![0; length.into()];
        near.read_exact(&mut bytes).expect("as much as that");
        bytes
    };
    let methods = read(near, 2)[1];
    read(near, methods);
    near.write_all(&[5, 0]).expect("an answer");
    let length = read(near, 5)[4];
    let name = read(near, length);
    read(near, 2);
    near.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).expect("an answer");
    format!("SOCKS {}", String::from_utf8(name).expect("text"))
}

#[test]
fn a_proxy_of_the_kubeconfig_or_the_environment_leads_to_the_cluster() {
    let server = Server::start();
    let (port, asked) = proxy(server.port);
    let far = "http://api.example.test:6443";
    let token = json!({ "token": "t0ken" });
    let proxy_url = format!("http://me:pa%3Ass@127.0.0.1:{port}");
    let named = json!({ "server": far, "proxy-url": proxy_url });
    let named = server.kubeconfig("named", &named, &token);
    let plain = server.kubeconfig("plain", &json!({ "server": far }), &token);
    let list = |kubeconfig: &Path, set: &[(&str, &str)]| {
        let mut command = server.command(&["list"]);
        command.env("KUBECONFIG", kubeconfig).envs(set.iter().copied());
        run(command, "")
    };
    let plain_proxy = format!("127.0.0.1:{port}");
    for (kubeconfig, set) in [
        (&named, &[][..]),
        // NO_PROXY is not for one that the kubeconfig names.
        (&named, &[("NO_PROXY", "example.test,127.0.0.1")]),
        (&plain, &[("HTTP_PROXY", &*plain_proxy)]),
        (&plain, &[("http_proxy", &*plain_proxy), ("NO_PROXY", "127.0.0.1")]),
    ] {
        let said = list(kubeconfig, set);
        assert_eq!(said.code, 0, "{set:?}: {said:?}");
        let asked = asked.lock().expect("a log").pop().expect("the proxy was asked");
        assert!(asked.starts_with("CONNECT api.example.test:6443 "), "{set:?}: {asked}");
        let has_password = asked.contains("Basic bWU6cGE6c3M=");
        assert_eq!(has_password, kubeconfig == &named, "{asked}");
    }
    let said = list(&plain, &[("HTTP_PROXY", &plain_proxy), ("NO_PROXY", ".example.test")]);
    assert!(said.stderr.contains("can't reach the API server"), "{said:?}");
    assert!(asked.lock().expect("a log").is_empty());
    assert_eq!(server.kliv(&["list"]).code, 0);

    let socks = json!({ "server": far, "proxy-url": format!("socks5://127.0.0.1:{port}") });
    let said = list(&server.kubeconfig("socks", &socks, &token), &[]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(asked.lock().expect("a log")[..], ["SOCKS api.example.test"]);

    let odd = json!({ "server": far, "proxy-url": "ftp://me:pass@proxy.example.test" });
    let said = list(&server.kubeconfig("odd", &odd, &token), &[]);
    assert!(said.stderr.contains("ftp://proxy.example.test can't be used"), "{said:?}");
    assert!(said.code == 1 && !said.stderr.contains("pass"), "{said:?}");
}

#[test]
fn a_wait_survives_answers_that_do_not_come() {
    let server = Server::start();
    server.memory().blips = 2;
    let said = run(server.command(&["set", "A_KEY", "--from-stdin"]), CANARY);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.ends_with("live on 1 of 1 function\n"), "{said:?}");

    server.memory().blips = usize::MAX;
    let said = run(server.command(&["set", "A_KEY", "--from-stdin", "--timeout=1s"]), CANARY);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stderr.contains("error: stored, but") && said.stderr.contains("500"), "{said:?}");
}

#[test]
fn whom_to_act_as_and_which_cluster_and_user_are_as_kubectl_is_told() {
    let server = Server::start();
    let extra = ["--as-user-extra=example.org/scopes=a=b", "--as-user-extra=example.org/scopes=c"];
    let who = ["list", "--as=anna", "--as-group=people", "--as-uid=7"];
    let who = [&who[..], &extra, &["--request-timeout=30s"]].concat();
    assert_eq!(server.kliv(&who).code, 0);
    let (_, _, headers) = server.memory().requests.pop().expect("a request");
    let sent = |name: &str| -> Vec<String> {
        let values = headers.get_all(name).iter();
        values.map(|value| value.to_str().expect("text").to_owned()).collect()
    };
    assert_eq!(sent("impersonate-user"), ["anna"]);
    assert_eq!(sent("impersonate-group"), ["people"]);
    assert_eq!(sent("impersonate-uid"), ["7"]);
    assert_eq!(sent("impersonate-extra-example.org%2fscopes"), ["a=b", "c"]);

    let here = ["list", "--cluster=here", "--user=me", "--request-timeout=0"];
    assert_eq!(server.kliv(&here).code, 0);
    for (flag, what) in [("--cluster=s3cr3t", "no such cluster"), ("--user=s3cr3t", "no such user")]
    {
        let said = server.kliv(&["list", flag]);
        assert!(said.code == 1 && said.stderr.contains(what), "{said:?}");
        assert!(!said.stderr.contains("s3cr3t"), "{said:?}");
    }
}

#[test]
fn an_answer_that_takes_too_long_is_not_waited_for() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = silent.local_addr().expect("an address").port();
    let server = Server::start();
    let cluster = json!({ "server": format!("http://127.0.0.1:{port}") });
    let mut command = server.command(&["list", "--request-timeout=1"]);
    command.env("KUBECONFIG", server.kubeconfig("silent", &cluster, &json!({})));
    let said = run(command, "");
    assert!(said.code == 1 && said.stderr.contains("can't reach the API server"), "{said:?}");
}

#[test]
fn requests_are_told_when_asked_for_and_no_value_is() {
    let server = Server::start();
    let set = |flag: Option<&str>| {
        let args = ["set", "A_KEY", "--from-stdin"];
        run(server.command(&[&args[..], flag.as_slice()].concat()), CANARY)
    };
    assert!(!set(None).stderr.contains("GET"));
    for flag in ["-v", "-vvv", "-v=6", "-v=9"] {
        let said = set(Some(flag));
        assert_eq!(said.code, 0, "{said:?}");
        let path = "/apis/secrets.kliv.dev/v1alpha1/namespaces/acme/klivsecrets/a-key";
        assert!(said.stderr.contains(&format!("GET {path} 200 in ")), "{said:?}");
        assert!(said.stderr.contains(&format!("PATCH {path}?")), "{said:?}");
        for hidden in [CANARY, "t0ken", "kliv1."] {
            assert!(!said.stderr.contains(hidden), "{hidden}: {said:?}");
        }
    }
}

/// One line of a watch.
fn change(kind: &str, object: &Value) -> String {
    json!({ "type": kind, "object": object }).to_string() + "\n"
}

fn with_two_keys() -> (Server, Value) {
    let server = Server::start();
    for (name, variable) in [("a-key", "A_KEY"), ("b-key", "B_KEY")] {
        let object = secret(name, &json!({ "envVar": variable }), 1);
        server.memory().secrets.insert(name.into(), object);
    }
    let b = server.memory().secrets["b-key"].clone();
    (server, b)
}

fn ends_forbidden(said: &Said) {
    assert!(said.code == 1 && said.stderr.contains("cannot watch resource"), "{said:?}");
}

#[test]
fn a_watch_shows_what_is_deleted_and_ends_where_it_is_forbidden() {
    let (server, b) = with_two_keys();
    server.memory().watched = vec![change("DELETED", &b)];
    let said = server.kliv(&["list", "-w"]);
    ends_forbidden(&said);
    let last: Vec<&str> = said.stdout.lines().last().expect("rows").split_whitespace().collect();
    assert_eq!(last[..2], ["B_KEY", "deleted"], "{said:?}");
    assert_eq!(said.stdout.lines().count(), 4, "{said:?}");

    ends_forbidden(&server.kliv(&["audit", "-w"]));
}

#[test]
fn a_watch_in_json_is_objects_and_nothing_else() {
    let (server, b) = with_two_keys();
    server.memory().watched = vec![change("MODIFIED", &b)];
    let said = server.kliv(&["list", "-w", "-o", "json"]);
    ends_forbidden(&said);
    let objects = serde_json::Deserializer::from_str(&said.stdout).into_iter::<Value>();
    let kinds: Vec<Value> = objects.map(|object| object.expect("JSON")["kind"].clone()).collect();
    assert!(kinds.len() >= 2 && kinds.iter().all(|kind| kind == "KlivSecret"), "{said:?}");
}

#[test]
fn a_question_is_refused_by_deleting_what_only_waits_and_nothing_that_has_a_value() {
    let server = Server::start();
    let asked = |sealed: Option<&str>| {
        let spec = json!({
            "envVar": "A_KEY", "request": { "purpose": "to send receipts" }, "sealed": sealed,
        });
        secret("a-key", &spec, 1)
    };
    server.memory().secrets.insert("a-key".into(), asked(Some("kliv1.x")));
    let said = server.kliv(&["answer", "A_KEY", "--refuse", "--yes"]);
    assert!(said.code == 1 && said.stderr.contains("a-key has its value already"), "{said:?}");
    assert!(server.memory().secrets.contains_key("a-key"));

    server.memory().secrets.insert("a-key".into(), asked(None));
    let said = server.kliv(&["answer", "A_KEY", "--refuse"]);
    assert!(said.code == 1 && said.stderr.contains("this needs a yes"), "{said:?}");
    let said = server.kliv(&["answer", "A_KEY", "--refuse", "--dry-run=client"]);
    assert!(said.stdout.contains("refused (dry run)"), "{said:?}");
    assert!(server.memory().secrets.contains_key("a-key"));

    let said = server.kliv(&["answer", "A_KEY", "--refuse", "--yes"]);
    assert_eq!(said.stdout, "klivsecret.secrets.kliv.dev/a-key refused\n", "{said:?}");
    assert!(said.code == 0 && said.stderr.contains("\"to send receipts\""), "{said:?}");
    assert!(server.memory().secrets.is_empty());
}
