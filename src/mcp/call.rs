//! One call of a tool: who calls, what his client can do, and what a person has said to it.

use jiff::Timestamp;
use rmcp::model::{ElicitationCapability, ProtocolVersion};

use super::Settings;
use super::ask::About;
use super::line::Line;
use crate::account::{Caller, Value};

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

    /// With what it said when it began. Since revision 2026-07-28 each call says all of it, and
    /// nothing else counts; before, a call over HTTP says nothing, and what the library makes
    /// up in its place is not the client's.
    #[must_use]
    pub(super) fn or_before(self, before: &Self) -> Self {
        if self.comes_back() {
            return self;
        }
        Self {
            name: before.name.clone().or(self.name),
            shows_links: self.shows_links || before.shows_links,
            asks: self.asks || before.asks,
            revision: self.revision.or_else(|| before.revision.clone()),
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
    /// He said yes to this.
    Accepted(About),
    /// He agreed to open the link. What he does there is not known.
    Opened,
    /// He said no.
    Declined,
    /// He closed it.
    Dismissed,
}

/// What a tool runs with.
pub(super) struct Call<'a> {
    /// As whom, and in which account.
    pub(super) caller: &'a Caller,
    /// His name at the API server.
    pub(super) who: &'a str,
    /// What the server was told.
    pub(super) settings: &'a Settings,
    /// What the client says of itself.
    pub(super) says: &'a Says,
    /// The value that came with it, for the only tool that takes one.
    pub(super) value: Option<Value>,
    /// What a person did with what the same call asked before.
    pub(super) person: Option<Person>,
    /// The time.
    pub(super) now: Timestamp,
    /// Whether the client still waits, and telling it how far the call is.
    pub(super) line: Line,
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(elicitation: serde_json::Value, revision: ProtocolVersion) -> Says {
        let elicitation: Option<ElicitationCapability> =
            serde_json::from_value(elicitation).unwrap();
        Says::of(Some("a-client".into()), elicitation.as_ref(), Some(revision))
    }

    #[test]
    fn a_client_that_names_no_mode_has_forms_alone() {
        let table = [
            (json!(null), (false, false)),
            (json!({}), (true, false)),
            (json!({ "form": {} }), (true, false)),
            (json!({ "url": {} }), (false, true)),
            (json!({ "form": {}, "url": {} }), (true, true)),
        ];
        for (elicitation, modes) in table {
            let says = said(elicitation.clone(), ProtocolVersion::V_2026_07_28);
            assert_eq!((says.asks, says.shows_links), modes, "{elicitation}");
        }
    }

    #[test]
    fn what_a_client_said_when_it_began_counts_where_calls_say_nothing_of_it() {
        let began = said(json!({ "form": {}, "url": {} }), ProtocolVersion::V_2025_11_25);
        let made_up = Says::of(Some("rmcp".into()), None, Some(ProtocolVersion::V_2025_11_25));
        assert_eq!(made_up.or_before(&began), began);
        let modern = said(json!({}), ProtocolVersion::V_2026_07_28);
        assert_eq!(modern.clone().or_before(&began), modern);
    }
}
