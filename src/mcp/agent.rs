//! The server itself: what it can do, and how a call goes.

use std::sync::Arc;
use std::time::Instant;

use http::request::Parts;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, CustomRequest,
    CustomResult, ErrorCode, ErrorData, GetPromptRequestParams, GetPromptResponse, Implementation,
    ListPromptsResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities,
    ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler};

use super::arguments::take_value;
use super::ask::{Asked, Bound, StateKey, answered, ask};
use super::call::{Call, Says};
use super::failure::Failure;
use super::line::Line;
use super::refused::Refusing;
use super::tool::{Effect, Entry, Outcome};
use super::{prompts, resources, shape, tools};
use crate::account::{Caller, Reads};
use crate::api::refused_call::{PROMPT, RESOURCE, UNKNOWN_TOOL};
use crate::runtime::{Metrics, clock};

/// What models are told of the server as a whole.
const INSTRUCTIONS: &str = include_str!("instructions.md");

/// Nobody reads it.
const CANCELLED: &str = "the call was cancelled";

/// What the server was told.
pub struct Settings {
    /// Whether `store_secret` is there: values that were pasted into a chat.
    pub chat_values: bool,
    /// Where people's web page is, `https://HOST`; links lead there. From settings alone, never
    /// from a request.
    pub web: Option<String>,
    /// Signs what comes back with a client.
    pub state: StateKey,
}

/// Somebody who calls.
#[derive(Clone)]
pub struct Visit {
    /// As whom, and in which account.
    pub caller: Caller,
    /// His name at the API server.
    pub who: String,
    /// What his client said of itself when it began, over HTTP.
    pub says: Says,
}

/// The server.
#[derive(Clone)]
pub struct Agent {
    settings: Arc<Settings>,
    /// Over stdio: whoever runs it. Over HTTP each request brings its own.
    only: Option<Arc<Visit>>,
    table: Arc<[Entry]>,
    /// Where calls are counted, in a server for many.
    metrics: Option<Metrics>,
    refusing: Arc<Refusing>,
    reads: Reads,
}

impl Agent {
    /// Over stdio: for one person.
    #[must_use]
    pub fn of(visit: Visit, settings: Settings) -> Self {
        Self { only: Some(Arc::new(visit)), ..Self::of_each_request(settings) }
    }

    /// Over HTTP: each request has a [`Visit`] among its extensions.
    #[must_use]
    pub fn of_each_request(settings: Settings) -> Self {
        let table = tools::all(settings.chat_values).into();
        let refusing = Arc::new(Refusing::new());
        let (settings, reads) = (Arc::new(settings), Reads::default());
        Self { settings, only: None, table, metrics: None, refusing, reads }
    }

    /// The same, which counts calls.
    #[must_use]
    pub fn counting(self, metrics: Metrics) -> Self {
        Self { metrics: Some(metrics), ..self }
    }

    pub(super) fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// That a tool was called, and nothing of what it was called with.
    fn told(&self, tool: &str, account: &str, outcome: &'static str, began: Instant) {
        let took = clock::monotonic().duration_since(began).as_millis();
        tracing::info!(tool, account, outcome, milliseconds = took, "a tool was called");
        if let Some(metrics) = &self.metrics {
            metrics.mcp_called(tool, outcome);
        }
    }

    /// Waits until the audit trail has been told of what was refused; before a process ends.
    pub async fn settled(&self) {
        self.refusing.settled().await;
    }

    /// He who calls, with his share of what is read at a time.
    fn caller(&self, visit: &Visit) -> Caller {
        let share = self.reads.of(&visit.who, &visit.caller.namespace);
        Caller { share: Some(share), ..visit.caller.clone() }
    }

    fn visit(&self, context: &RequestContext<RoleServer>) -> Result<Arc<Visit>, ErrorData> {
        let of_request = || {
            let parts = context.extensions.get::<Parts>()?;
            parts.extensions.get::<Arc<Visit>>().cloned()
        };
        let visit = self.only.clone().or_else(of_request);
        visit.ok_or_else(|| ErrorData::internal_error("nobody calls", None))
    }
}

/// What the client says of itself: in this call, or when it began.
fn says(visit: &Visit, context: &RequestContext<RoleServer>) -> Says {
    let elicitation = context.client_capabilities().and_then(|all| all.elicitation);
    let name = context.client_info().map(|client| client.name);
    Says::of(name, elicitation.as_ref(), context.protocol_version()).or_before(&visit.says)
}

impl ServerHandler for Agent {
    fn get_info(&self) -> ServerConfig {
        let can = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .enable_prompts()
            .build();
        let me = Implementation::new("kliv-secrets", env!("CARGO_PKG_VERSION"));
        ServerConfig::new(can).with_server_info(me).with_instructions(INSTRUCTIONS)
    }

    fn supported_protocol_versions(&self) -> std::borrow::Cow<'static, [ProtocolVersion]> {
        const TAKEN: &[ProtocolVersion] =
            &[ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28];
        TAKEN.into()
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = self.table.iter().map(|entry| entry.described.clone()).collect();
        Ok(ListToolsResult::with_all_items(tools))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        let found = self.table.iter().find(|entry| entry.described.name == name);
        found.map(|entry| entry.described.clone())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(resources::all()))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let visit = self.visit(&context)?;
        self.refusing.other(&visit, RESOURCE, &request.uri, None)?;
        let caller = self.caller(&visit);
        let read = resources::read(&request.uri, &caller);
        let read = Line::of(&context).while_it_lasts(read).await;
        let cancelled = || ErrorData::internal_error(CANCELLED, None);
        Ok(read.ok_or_else(cancelled)??.into())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(prompts::all()))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let visit = self.visit(&context)?;
        let arguments = request.arguments.as_ref();
        self.refusing.other(&visit, PROMPT, &request.name, arguments)?;
        Ok(prompts::get(&request.name, request.arguments.as_ref())?.into())
    }

    async fn on_custom_request(
        &self,
        _: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        // The library would quote it.
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "there is no such method", None))
    }

    async fn call_tool(
        &self,
        mut request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let visit = self.visit(&context)?;
        let Some(entry) = self.table.iter().find(|entry| entry.described.name == request.name)
        else {
            let arguments = request.arguments.as_ref();
            self.refusing.other(&visit, UNKNOWN_TOOL, &request.name, arguments)?;
            return Err(ErrorData::invalid_params("there is no such tool", None));
        };
        let mut arguments = request.arguments.take().unwrap_or_default();
        // It is seen by nothing but its tool.
        let value = entry.value.and_then(|name| take_value(&mut arguments, name));
        let began = clock::monotonic();
        let refused = self.refusing.tool(&visit, &entry.described, &arguments);
        let shape = || shape::check(&entry.described.input_schema, &arguments, entry.value);
        let fits = refused
            .map_err(|failure| ("refused", failure))
            .and_then(|()| shape().map_err(|failure| ("failed", failure)));
        if let Err((word, failure)) = fits {
            self.told(&entry.described.name, &visit.caller.namespace, word, began);
            return Ok(CallToolResult::error(vec![ContentBlock::text(failure.text())]).into());
        }
        let says = says(&visit, &context);
        let bound = Bound {
            who: &visit.who,
            account: &visit.caller.namespace,
            tool: &entry.described.name,
            arguments: &arguments,
        };
        let person = answered(&request, &self.settings.state, &bound)?;
        let caller = self.caller(&visit);
        let call = Call {
            caller: &caller,
            who: &visit.who,
            settings: &self.settings,
            says: &says,
            value: value.map(Into::into),
            person,
            now: clock::now(),
            line: Line::of(&context),
        };
        let run = (entry.run)(&call, arguments.clone());
        let outcome = match entry.effect {
            Effect::Reads => {
                let read = call.line.while_it_lasts(run).await;
                read.unwrap_or_else(|| Err(Failure::new(CANCELLED)))
            }
            // Nothing is left half done.
            Effect::Adds | Effect::Changes | Effect::Destroys => run.await,
        };
        let word = match &outcome {
            Ok(Outcome::Done(_)) => "done",
            Ok(Outcome::Ask(..)) => "asked",
            Err(_) => "failed",
        };
        self.told(&entry.described.name, &visit.caller.namespace, word, began);
        Ok(match outcome {
            Ok(Outcome::Done(answer)) => CallToolResult::structured(answer).into(),
            Ok(Outcome::Ask(what, answer)) => {
                match ask(&what, &says, &self.settings.state, &bound) {
                    Some(Asked::Required(required)) => required.into(),
                    Some(Asked::Error(error)) => return Err(error),
                    None => CallToolResult::structured(answer).into(),
                }
            }
            Err(failure) => CallToolResult::error(vec![ContentBlock::text(failure.text())]).into(),
        })
    }
}
