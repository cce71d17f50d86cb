//! One call of a tool: who calls, what his client can do, and what a person has said to it.

use jiff::Timestamp;
use rmcp::model::{ElicitationCapability, ProtocolVersion};

use super::Settings;
use crate::account::Caller;

/// What a client says of itself. Nobody vouches for it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Says {
    /// What it calls itself, e.g. `claude-code`.
    pub name: Option<String>,
    /// Whether it shows people links (URL-mode elicitation).
    pub shows_links: bool,
    /// Whether it asks people questions (form-mode elicitation).
    pub asks: bool,
    /// The revision of the protocol that this call speaks.
    pub revision: Option<ProtocolVersion>,
}

impl Says {
    /// What a client declares, with a call or when it begins.
    #[must_use]
    pub fn of(
        name: Option<String>,
        elicitation: Option<&ElicitationCapability>,
        revision: Option<ProtocolVersion>,
    ) -> Self {
        Self {
            name: name.filter(|name| !name.is_empty()),
            shows_links: elicitation.is_some_and(|modes| modes.url.is_some()),
            // Who names neither mode has forms alone: so the protocol says, for clients that
            // are older than modes.
            asks: elicitation.is_some_and(|modes| modes.form.is_some() || modes.url.is_none()),
            revision,
        }
    }

    /// Whether a call can end in a question and be made again with the answer: since revision
    /// 2026-07-28.
    pub(super) fn comes_back(&self) -> bool {
        let revision = self.revision.as_ref().map(ProtocolVersion::as_str);
        revision.is_some_and(|revision| revision >= ProtocolVersion::V_2026_07_28.as_str())
    }
}

/// What a person did with a question or a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Person {
    /// He said yes, or opened the link.
    Accepted,
    /// He said no.
    Declined,
    /// He closed it.
    Dismissed,
}

/// What a tool runs with.
pub(super) struct Call<'a> {
    /// As whom, and in which account.
    pub(super) caller: &'a Caller,
    /// What the server was told.
    pub(super) settings: &'a Settings,
    /// What the client says of itself.
    pub(super) says: &'a Says,
    /// What a person did with what the same call asked before.
    pub(super) person: Option<Person>,
    /// The time.
    pub(super) now: Timestamp,
}

impl Call<'_> {
    /// Whether a person can be asked yes or no through this client, in this call.
    pub(super) fn can_confirm(&self) -> bool {
        self.says.asks && self.says.comes_back()
    }

    /// Where a person answers what a secret waits for; none where no web page is known.
    pub(super) fn answer_link(&self, object: &str) -> Option<String> {
        let web = self.settings.web.as_deref()?;
        Some(format!("{web}/accounts/{}/requests/{object}", self.caller.namespace))
    }
}
