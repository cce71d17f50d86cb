//! An agent's client, in memory, with as little of the protocol as tests need. What it hears
//! is kept, word for word.

use kliv_secrets::mcp::Agent;
use rmcp::ServiceExt as _;
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, ReadHalf, WriteHalf,
};

/// A revision of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Revision {
    /// It begins with `initialize`.
    Of2025,
    /// Each request says all of itself.
    Of2026,
}

impl Revision {
    fn name(self) -> &'static str {
        match self {
            Self::Of2025 => "2025-11-25",
            Self::Of2026 => "2026-07-28",
        }
    }
}

/// A client that has begun.
pub struct AgentClient {
    revision: Revision,
    capabilities: Value,
    reads: BufReader<ReadHalf<DuplexStream>>,
    writes: WriteHalf<DuplexStream>,
    last: u64,
    heard: String,
}

/// How a call ended.
#[derive(Clone, Debug)]
pub enum Called {
    /// With an answer.
    Answer(Value),
    /// With words for the model: `isError`.
    Refused(String),
    /// A person is to be asked first: the whole result, of revision 2026-07-28.
    Asks(Value),
    /// With an error of the protocol.
    Error(Value),
}

impl Called {
    /// The answer.
    #[track_caller]
    pub fn answer(self) -> Value {
        match self {
            Self::Answer(answer) => answer,
            other => panic!("no answer: {other:?}"),
        }
    }

    /// Why not.
    #[track_caller]
    pub fn refused(self) -> String {
        match self {
            Self::Refused(words) => words,
            other => panic!("not refused: {other:?}"),
        }
    }

    /// What a person is asked.
    #[track_caller]
    pub fn asks(self) -> Value {
        match self {
            Self::Asks(asks) => asks,
            other => panic!("nobody is asked: {other:?}"),
        }
    }
}

impl AgentClient {
    /// One that can neither show links nor ask people.
    pub async fn of(agent: Agent, revision: Revision) -> Self {
        Self::that_can(json!({}), agent, revision).await
    }

    /// One that asks people, and shows them links.
    pub async fn that_asks(agent: Agent, revision: Revision) -> Self {
        let capabilities = json!({ "elicitation": { "form": {}, "url": {} } });
        Self::that_can(capabilities, agent, revision).await
    }

    /// One with these capabilities.
    pub async fn that_can(capabilities: Value, agent: Agent, revision: Revision) -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        tokio::spawn(async move {
            if let Ok(serving) = agent.serve(tokio::io::split(theirs)).await {
                let _ = serving.waiting().await;
            }
        });
        let (reads, writes) = tokio::io::split(ours);
        let reads = BufReader::new(reads);
        let mut client =
            Self { revision, capabilities, reads, writes, last: 0, heard: String::new() };
        if revision == Revision::Of2025 {
            let begins = json!({
                "protocolVersion": revision.name(), "capabilities": client.capabilities,
                "clientInfo": { "name": "test-agent", "version": "1" },
            });
            let began = client.request("initialize", begins).await.expect("begins");
            assert_eq!(began["protocolVersion"], revision.name());
            let done = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
            client.send(&done).await;
        }
        client
    }

    /// All that the server has said.
    pub fn heard(&self) -> &str {
        &self.heard
    }

    /// A request; its result, or its error.
    pub async fn request(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.begin(method, params).await;
        let mut said = self.hear(|said| said["id"] == id).await;
        match said.get_mut("result") {
            Some(result) => Ok(result.take()),
            None => Err(said["error"].take()),
        }
    }

    /// Sends a request, and does not wait for what is said to it: its id.
    pub async fn begin(&mut self, method: &str, mut params: Value) -> u64 {
        self.last += 1;
        if self.revision == Revision::Of2026 {
            let meta = &mut params["_meta"];
            let about = "io.modelcontextprotocol";
            meta[format!("{about}/protocolVersion")] = json!(self.revision.name());
            meta[format!("{about}/clientInfo")] = json!({ "name": "test-agent", "version": "1" });
            meta[format!("{about}/clientCapabilities")] = self.capabilities.clone();
        }
        let id = self.last;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await;
        id
    }

    /// Gives a request up.
    pub async fn give_up(&mut self, id: u64) {
        let which = json!({ "requestId": id });
        let method = "notifications/cancelled";
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": which })).await;
    }

    /// The next message that is such a one; what is said before it is only kept.
    pub async fn hear(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let mut line = String::new();
            let read = self.reads.read_line(&mut line).await.expect("hears");
            assert!(read > 0, "the server ended");
            self.heard.push_str(&line);
            let said: Value = serde_json::from_str(&line).expect("JSON");
            if wanted(&said) {
                return said;
            }
        }
    }

    async fn send(&mut self, message: &Value) {
        self.writes.write_all(format!("{message}\n").as_bytes()).await.expect("is heard");
    }

    /// Calls a tool.
    pub async fn call(&mut self, tool: &str, arguments: Value) -> Called {
        self.called(json!({ "name": tool, "arguments": arguments })).await
    }

    /// Calls it again, after a person has done this with what it `asked`: `accept`, `decline`
    /// or `cancel`.
    pub async fn again(
        &mut self,
        tool: &str,
        arguments: Value,
        asked: &Value,
        did: &str,
    ) -> Called {
        let questions = asked["inputRequests"].as_object().expect("questions");
        let answers = questions.keys().map(|question| {
            let content = if did == "accept" { json!({}) } else { Value::Null };
            let mut answer = json!({ "action": did });
            if !content.is_null() {
                answer["content"] = content;
            }
            (question.clone(), answer)
        });
        let answers: serde_json::Map<_, _> = answers.collect();
        self.called(json!({
            "name": tool, "arguments": arguments,
            "requestState": asked["requestState"], "inputResponses": answers,
        }))
        .await
    }

    async fn called(&mut self, params: Value) -> Called {
        match self.request("tools/call", params).await {
            Err(error) => Called::Error(error),
            Ok(result) if result["resultType"] == "input_required" => Called::Asks(result),
            Ok(result) if result["isError"] == true => Called::Refused(
                result["content"][0]["text"].as_str().unwrap_or_default().to_owned(),
            ),
            Ok(mut result) => Called::Answer(result["structuredContent"].take()),
        }
    }
}
