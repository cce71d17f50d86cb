//! Agents: clients of the official SDKs of the Model Context Protocol, and the record of all
//! messages between them and our servers: `tests/agents`.
//!
//! ```text
//!  SdkClient::start(Sdk, Door, Can) ─► typescript-1.mjs, typescript-2.mjs, python.py
//!      .call("tool", …)              │ stdio: record.sh ─► kubectl kliv mcp
//!      {"elicit": …} ─► a person     │ HTTP:  proxy.mjs ─► kliv-secrets mcp
//!                                    ▼
//!  Record::search(values, …)      to-server, to-client, said: searched by search.mjs
//! ```

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use serde_json::{Value, json};

use super::person::Person;
use super::script::Script;

/// How long one act may take.
const LIMIT: Duration = Duration::from_secs(900);

/// Revisions of the protocol.
pub const BEFORE: &str = "2025-11-25";
/// The later one.
pub const LATEST: &str = "2026-07-28";

/// An official SDK, and the revision that it is to speak.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sdk {
    /// TypeScript 1.
    TypeScript1,
    /// TypeScript 2, of this revision.
    TypeScript2(&'static str),
    /// Python 2, of this revision.
    Python(&'static str),
}

/// All of them, in all revisions that they speak.
pub const SDKS: [Sdk; 5] = [
    Sdk::TypeScript1,
    Sdk::TypeScript2(LATEST),
    Sdk::TypeScript2(BEFORE),
    Sdk::Python(LATEST),
    Sdk::Python(BEFORE),
];

impl Sdk {
    /// The revision that it speaks.
    pub fn revision(self) -> &'static str {
        match self {
            Self::TypeScript1 => BEFORE,
            Self::TypeScript2(revision) | Self::Python(revision) => revision,
        }
    }

    fn script(self) -> &'static str {
        match self {
            Self::TypeScript1 => "typescript-1.mjs",
            Self::TypeScript2(_) => "typescript-2.mjs",
            Self::Python(_) => "python.py",
        }
    }
}

/// Where an agent finds its server.
#[derive(Clone, Debug)]
pub enum Door {
    /// A program that it starts, with one kubeconfig.
    Stdio {
        /// The program and its arguments.
        command: Vec<String>,
        /// Whose.
        kubeconfig: PathBuf,
    },
    /// A server, with headers.
    Http {
        /// Through a [`Record::proxy`], where messages are to be kept.
        url: String,
        /// The token, where there is one.
        token: Option<String>,
    },
    /// A server that says itself where its tokens come from.
    SignIn {
        /// Its endpoint, as it calls it.
        url: String,
        /// What to trust: PEM.
        ca: PathBuf,
        /// Where the client has people sent back to.
        redirect: String,
        /// Who it is at the provider; none registers.
        client: Option<String>,
    },
}

/// What a client says that it can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Can {
    /// Nothing: it only calls.
    Nothing,
    /// Show people links, and ask them.
    LinksAndQuestions,
}

/// What came of an act.
pub type Answer = Result<Value, Value>;

/// One agent; it ends with the value.
pub struct SdkClient {
    script: Script,
    /// Whom it has sign in, where it may.
    pub person: Option<Person>,
    /// What it was told when it began.
    pub server: Value,
    /// What it showed people so far: what the server said of it.
    pub shown: Vec<Value>,
}

impl SdkClient {
    /// Connects one, which must go well.
    pub async fn start(sdk: Sdk, door: &Door, can: Can, record: &Record) -> Self {
        let agent = Self::try_start(sdk, door, can, record).await;
        agent.unwrap_or_else(|why| panic!("{sdk:?} does not connect: {why}"))
    }

    /// Connects one that has somebody sign in.
    pub async fn signing_in(
        sdk: Sdk,
        door: &Door,
        person: Person,
        record: &Record,
    ) -> Result<Self, Value> {
        Self::of(sdk, door, Can::Nothing, Some(person), record).await
    }

    /// Connects one, or not.
    pub async fn try_start(
        sdk: Sdk,
        door: &Door,
        can: Can,
        record: &Record,
    ) -> Result<Self, Value> {
        Self::of(sdk, door, can, None, record).await
    }

    async fn of(
        sdk: Sdk,
        door: &Door,
        can: Can,
        person: Option<Person>,
        record: &Record,
    ) -> Result<Self, Value> {
        let asks = can == Can::LinksAndQuestions;
        let input = json!({
            "door": door.to_json(record), "name": "shop-agent", "revision": sdk.revision(),
            "can": { "links": asks, "asks": asks },
        });
        let mut script = record.script_trusting(sdk.script(), door.ca());
        script.says(&input);
        let mut agent = Self { script, person, server: Value::Null, shown: Vec::new() };
        agent.server = agent.answer(async |_| panic!("asks before it is connected")).await?;
        assert_eq!(agent.server["revision"], sdk.revision());
        Ok(agent)
    }

    /// Does one thing, `{"do": …}`, as `serve.mjs` knows them.
    pub async fn does(&mut self, what: Value) -> Answer {
        self.does_asking(what, async |asked| panic!("a person is asked {asked}")).await
    }

    /// The same, with a person who is shown links and asked questions: `accept`, `decline` or
    /// `cancel`.
    pub async fn does_asking(
        &mut self,
        what: Value,
        person: impl AsyncFnMut(&Value) -> &'static str,
    ) -> Answer {
        self.script.says(&what);
        self.answer(person).await
    }

    /// Calls a tool.
    pub async fn call(&mut self, tool: &str, arguments: Value) -> Answer {
        self.does(json!({ "do": "call", "tool": tool, "arguments": arguments })).await
    }

    /// Calls a tool, with a person as in [`does_asking`](Self::does_asking).
    pub async fn call_asking(
        &mut self,
        tool: &str,
        arguments: Value,
        person: impl AsyncFnMut(&Value) -> &'static str,
    ) -> Answer {
        let what = json!({ "do": "call", "tool": tool, "arguments": arguments });
        self.does_asking(what, person).await
    }

    /// What a call gives that must go well.
    #[track_caller]
    pub fn gives(&mut self, tool: &str, arguments: Value) -> impl Future<Output = Value> {
        let said = format!("{tool} {arguments}");
        async move {
            let answer = self.call(tool, arguments).await;
            structured(&said, answer)
        }
    }

    /// What a call says that must be refused in words for a model.
    pub async fn refused(&mut self, tool: &str, arguments: Value) -> String {
        let said = format!("{tool} {arguments}");
        let answer = self.call(tool, arguments).await;
        let result = answer.unwrap_or_else(|e| panic!("{said}: an error of the protocol: {e}"));
        assert_eq!(result["isError"], true, "{said}: {result}");
        result["content"][0]["text"].as_str().expect("words").to_owned()
    }

    async fn answer(&mut self, mut person: impl AsyncFnMut(&Value) -> &'static str) -> Answer {
        loop {
            let line = tokio::time::timeout(LIMIT, self.script.lines.recv()).await;
            let line = line.unwrap_or_else(|_| panic!("a client takes more than {LIMIT:?}"));
            let mut line = line.expect("a client that does not end");
            if let Some(url) = line["opens"].as_str() {
                let person = self.person.as_mut().expect("somebody to sign in");
                let callback = person.goes(url).await;
                self.script.says(&json!({ "callback": callback }));
                continue;
            }
            if let Some(asked) = line.get_mut("elicit").map(Value::take) {
                let action = person(&asked).await;
                let mut answer = json!({ "action": action });
                if action == "accept" && asked["mode"] != "url" {
                    answer["content"] = json!({});
                }
                self.shown.push(asked);
                self.script.says(&answer);
                continue;
            }
            return match line.get_mut("result").map(Value::take) {
                Some(result) => Ok(result),
                None => Err(line["error"].take()),
            };
        }
    }
}

/// The structured content of a result that must be good.
#[track_caller]
pub fn structured(said: &str, answer: Answer) -> Value {
    let mut result = answer.unwrap_or_else(|error| panic!("{said}: {error}"));
    assert_ne!(result["isError"], true, "{said}: {result}");
    // Clients of before read the text: it is the same.
    let text = result["content"][0]["text"].as_str().expect("text");
    let text: Value = serde_json::from_str(text).expect("JSON");
    let structured = result["structuredContent"].take();
    assert_eq!(text, structured, "{said}");
    structured
}

impl Door {
    fn ca(&self) -> Option<&Path> {
        match self {
            Self::SignIn { ca, .. } => Some(ca),
            _ => None,
        }
    }

    fn to_json(&self, record: &Record) -> Value {
        match self {
            Self::Stdio { command, kubeconfig } => {
                let path = std::env::var("PATH").expect("a path");
                let mut args = vec![record.folder.display().to_string()];
                args.extend(command.iter().cloned());
                json!({
                    "command": folder().join("record.sh"), "args": args,
                    "env": { "KUBECONFIG": kubeconfig, "PATH": path },
                })
            }
            Self::Http { url, token } => {
                let mut headers = json!({});
                if let Some(token) = token {
                    headers["Authorization"] = json!(format!("Bearer {token}"));
                }
                json!({ "url": url, "headers": headers })
            }
            Self::SignIn { url, ca, redirect, client } => json!({
                "url": url, "headers": {}, "ca": ca,
                "signIn": { "redirect": redirect, "client": client },
            }),
        }
    }
}

/// All messages of some agents, and what both ends said beside.
pub struct Record {
    folder: PathBuf,
    _own: tempfile::TempDir,
}

/// A server's place with a record before it; it ends with the value.
pub struct Proxied {
    /// Where it is now: `http://…`.
    pub url: String,
    _script: Script,
}

/// What a search came to.
#[derive(Debug)]
pub struct Searched {
    /// How much there was to search.
    pub bytes: u64,
    /// In how many files.
    pub files: u64,
    /// What was found: nothing of a value itself.
    pub found: Vec<String>,
}

impl Record {
    /// An empty one.
    #[expect(clippy::new_without_default, reason = "each is another")]
    pub fn new() -> Self {
        let own = tempfile::tempdir().expect("a folder");
        Self { folder: own.path().to_owned(), _own: own }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Stands before a server and keeps what is said; `ca` is what to trust, PEM.
    pub async fn proxy(&self, target: &str, ca: Option<&str>) -> Proxied {
        let mut script = self.script("proxy.mjs");
        let folder = self.folder.join(format!("http-{}", next()));
        script.says(&json!({ "target": target, "ca": ca, "folder": folder }));
        let line = script.lines.recv().await.expect("a proxy");
        Proxied { url: line["url"].as_str().expect("a place").to_owned(), _script: script }
    }

    /// Has many agents list, ask and wait at once; gives what came of each.
    pub async fn many(&self, agents: &[Value]) -> Value {
        let mut script = self.script("many.mjs");
        script.says(&json!({ "agents": agents }));
        let line = tokio::time::timeout(LIMIT, script.lines.recv()).await.expect("in time");
        line.expect("a script that does not end")["result"].take()
    }

    /// Runs a program of the packages to its end, e.g. the inspector.
    pub fn node(&self, args: &[&str]) -> super::Outcome {
        let (packages, _) = setup();
        let mut node = Command::new("node");
        let home = self.folder.join("home");
        fs::create_dir_all(&home).expect("a folder");
        node.arg(packages.join("node_modules").join(args[0])).args(&args[1..]);
        node.env("HOME", home).env_remove("NODE_OPTIONS");
        super::run(node, "")
    }

    /// How a program has to be started so that what it says is kept.
    pub fn keeping(&self, door: &Door) -> Value {
        door.to_json(self)
    }

    /// Looks for values in all that was said, for masks, and for ciphertexts. `handed` are those
    /// that agents handed in themselves, which must not come back.
    pub async fn search(
        &self,
        values: &[String],
        handed: &[String],
        ciphertexts: &[String],
    ) -> Searched {
        let mut script = start("search.mjs", Stdio::inherit());
        script.says(&json!({
            "folder": self.folder, "values": values, "handed": handed, "ciphertexts": ciphertexts,
        }));
        let line = tokio::time::timeout(LIMIT, script.lines.recv()).await.expect("in time");
        let line = line.expect("a search");
        let found = line["found"].as_array().expect("a list").iter();
        Searched {
            bytes: line["bytes"].as_u64().expect("a number"),
            files: line["files"].as_u64().expect("a number"),
            found: found.map(|what| what.as_str().expect("text").to_owned()).collect(),
        }
    }

    /// One whose standard error is a file of the record.
    fn script(&self, name: &str) -> Script {
        self.script_trusting(name, None)
    }

    fn script_trusting(&self, name: &str, ca: Option<&Path>) -> Script {
        let log = self.folder.join(format!("client-{}", next()));
        start_trusting(name, File::create(log).expect("a file").into(), ca)
    }
}

fn start(name: &str, log: Stdio) -> Script {
    start_trusting(name, log, None)
}

fn start_trusting(name: &str, log: Stdio, ca: Option<&Path>) -> Script {
    let (packages, python) = setup();
    let program = if name.ends_with(".py") { "python3" } else { "node" };
    let mut command = Command::new(program);
    command.arg(folder().join(name)).current_dir(folder()).stderr(log);
    command.env("KLIV_AGENTS_PACKAGES", packages).env("PYTHONPATH", python);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    if let Some(ca) = ca {
        // Node reads it when it starts, and only then; Python is told.
        command.env("NODE_EXTRA_CA_CERTS", ca);
    }
    Script::start(command)
}

/// The folders of the packages: Node's, Python's.
fn setup() -> &'static (PathBuf, PathBuf) {
    static SETUP: OnceLock<(PathBuf, PathBuf)> = OnceLock::new();
    SETUP.get_or_init(|| {
        let mut setup = Command::new(folder().join("setup.sh"));
        let output = setup.stdin(Stdio::null()).stderr(Stdio::inherit()).output().expect("runs");
        assert!(output.status.success(), "no clients for tests; their setup says why above");
        let said = String::from_utf8(output.stdout).expect("text");
        let mut lines = said.lines().map(PathBuf::from);
        (lines.next().expect("Node's"), lines.next().expect("Python's"))
    })
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/agents")
}

/// For names that nothing else has.
fn next() -> usize {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    COUNT.fetch_add(1, Relaxed)
}
