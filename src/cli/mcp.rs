//! `kubectl kliv mcp`.

use std::os::fd::AsFd as _;
use std::time::Duration;

use rmcp::ServiceExt as _;
use tokio::fs::File;

use super::failure::Failure;
use super::session::Session;
use super::ui::who;
use crate::account::Caller;
use crate::api::names::AGENT_FIELD_MANAGER;
use crate::mcp::{Agent, Says, Settings, StateKey, Visit};
use crate::runtime::args::{LogFormat, origin};
use crate::runtime::{entropy, logs};

/// How long what is still to be told may take when the client has gone.
const FAREWELL: Duration = Duration::from_secs(3);

/// Serve an AI agent on standard input and output, as yourself
///
/// The agent's client starts it. The agent works in one account, with your kubeconfig's rights,
/// and never sees a value: it asks for one, you supply it, and it goes on with the variable.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Leave out the tool that takes a value which was pasted into the chat
    #[arg(long)]
    no_chat_values: bool,

    /// Where people's web page is, e.g. `https://secrets.example.org`: links lead there.
    /// Without it, what the install says
    #[arg(long, value_name = "URL", value_parser = origin)]
    web_url: Option<String>,
}

pub(crate) async fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    // To standard error, which the client keeps: what the audit trail could not be told.
    logs::start(LogFormat::Text, "warn").map_err(|error| Failure::plain(error.to_string()))?;
    // The login program must not read what the client says, so standard input is nothing from
    // there on.
    let input = std::io::stdin().as_fd().try_clone_to_owned();
    let input = input.map_err(|_| Failure::plain("there is no standard input"))?;
    let caller = session.caller().await?;
    let who = who(&caller).await?;
    let caller = Caller { field_manager: AGENT_FIELD_MANAGER, ..caller };
    let web = match &args.web_url {
        Some(url) => Some(url.clone()),
        None => caller.install().await.web_url,
    };
    let settings = Settings {
        chat_values: !args.no_chat_values,
        web,
        state: StateKey::generate(&mut entropy::system()),
    };
    let visit = Visit { caller, who, says: Says::default() };
    let agent = Agent::of(visit, settings);
    let client = (File::from_std(input.into()), tokio::io::stdout());
    let serving = agent.clone().serve(client).await;
    let serving = serving.map_err(|_| Failure::plain("the client did not begin as MCP does"))?;
    let ended = serving.waiting().await;
    // The last call may just have been refused.
    let _ = tokio::time::timeout(FAREWELL, agent.settled()).await;
    ended.map(drop).map_err(|_| Failure::plain("the server ended"))
}
