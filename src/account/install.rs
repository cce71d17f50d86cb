//! What of the install people's programs need to know, from a ConfigMap that every user may
//! read.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;

use super::{Caller, Error, Invalid, Kind, Missing, What};
use crate::api::names::{
    FUNCTION_LABEL, INSTALL_CONFIGMAP, SELECTOR_ENTRY, VERSION_ENTRY, WEB_URL_ENTRY,
};
use crate::runtime::args::origin;

/// How kliv-secrets was installed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Install {
    /// The operator's version, where that can be told.
    pub version: Option<String>,
    /// Which Deployments are functions.
    pub functions: FunctionLabels,
    /// Where people's web page is: an origin, by https or on this machine.
    pub web_url: Option<String>,
}

/// The labels that make a Deployment an edge function: it has all of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FunctionLabels(BTreeMap<String, String>);

impl Default for FunctionLabels {
    fn default() -> Self {
        let (key, value) = FUNCTION_LABEL;
        Self(BTreeMap::from([(key.to_owned(), value.to_owned())]))
    }
}

impl FunctionLabels {
    /// Reads `key=value,…`; nothing where it is anything else, or names none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._/".contains(&b);
        let label = |part: &str| {
            let (key, value) = part.split_once('=')?;
            let is_label = !key.is_empty() && part.bytes().filter(|b| *b != b'=').all(plain);
            let more = value.contains('=');
            (is_label && !more).then(|| (key.to_owned(), value.to_owned()))
        };
        text.split(',').map(label).collect::<Option<_>>().map(Self)
    }

    /// Whether a Deployment has all of them.
    #[must_use]
    pub fn are_on(&self, deployment: &Deployment) -> bool {
        let labels = deployment.metadata.labels.as_ref();
        self.0.iter().all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
    }
}

/// As a selector writes them.
impl fmt::Display for FunctionLabels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels: Vec<String> = self.0.iter().map(|(k, v)| format!("{k}={v}")).collect();
        f.write_str(&labels.join(","))
    }
}

impl Caller {
    /// How kliv-secrets was installed. What can't be told is as the chart has it by default.
    pub async fn install(&self) -> Install {
        self.installed().await.unwrap_or_default()
    }

    /// The operator's version.
    ///
    /// # Errors
    /// It is not installed where it should be, or the cluster does not answer.
    pub async fn version(&self) -> Result<String, Error> {
        self.installed().await?.version.ok_or_else(|| Invalid::NoVersion.into())
    }

    async fn installed(&self) -> Result<Install, Error> {
        let namespace = self.operator_namespace.as_str();
        let kind = Kind { what: What::Install, name: INSTALL_CONFIGMAP, namespace };
        Ok(Install::of(&self.operators_map(kind, Missing::Operator).await?))
    }
}

impl Install {
    fn of(map: &ConfigMap) -> Self {
        let entry = |name: &str| map.data.as_ref()?.get(name).map(String::as_str);
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._+".contains(&b);
        let version = entry(VERSION_ENTRY).filter(|version| version.bytes().all(plain));
        Self {
            version: version.map(str::to_owned),
            functions: entry(SELECTOR_ENTRY).and_then(FunctionLabels::parse).unwrap_or_default(),
            // People are sent there.
            web_url: entry(WEB_URL_ENTRY).and_then(|url| origin(url).ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn on(selector: &str, labels: serde_json::Value) -> bool {
        let deployment = json!({
            "metadata": { "labels": labels }, "spec": { "selector": {}, "template": {} },
        });
        let deployment = serde_json::from_value(deployment).unwrap();
        FunctionLabels::parse(selector).unwrap().are_on(&deployment)
    }

    #[test]
    fn a_function_has_all_the_labels_with_their_values() {
        assert!(on("a=1", json!({ "a": "1", "b": "2" })));
        assert!(on("a=1,x.org/b=2", json!({ "x.org/b": "2", "a": "1" })));
        assert!(on("a=", json!({ "a": "" })));
        assert!(!on("a=1,b=2", json!({ "a": "1" })));
        assert!(!on("a=1", json!({ "a": "2" })));
        assert!(!on("a=", json!({})));
    }

    #[test]
    fn what_is_no_list_of_labels_is_not_read() {
        for text in ["", "a", "=1", "a=1,", "a in (b)", "a!=1", "a==1", "a=1=2", "a=\u{1b}"] {
            assert_eq!(FunctionLabels::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_install_that_tells_nothing_is_as_the_chart_has_it() {
        let of = |data| Install::of(&serde_json::from_value(json!({ "data": data })).unwrap());
        assert_eq!(of(json!({})), Install::default());
        assert_eq!(
            of(json!({ "version": "\u{1b}[2J", "function-selector": "?" })),
            Install::default()
        );
        let told = of(json!({ "version": "1.2.3-rc.1", "function-selector": "b=2,a=1" }));
        assert_eq!(told.version.as_deref(), Some("1.2.3-rc.1"));
        assert_eq!(told.functions.to_string(), "a=1,b=2");
        let default = Install::default().functions.to_string();
        assert_eq!(default, "app.kubernetes.io/component=edge-function");
    }

    #[test]
    fn people_are_sent_to_an_origin_alone_that_nobody_on_the_way_can_take_the_place_of() {
        let of = |url: &str| {
            Install::of(&serde_json::from_value(json!({ "data": { "web-url": url } })).unwrap())
        };
        let told = |url: &str| of(url).web_url;
        let some = |url: &str| Some(url.to_owned());
        assert_eq!(told("https://Secrets.example.org/"), some("https://secrets.example.org"));
        assert_eq!(told("http://localhost:8443"), some("http://localhost:8443"));
        for other in [
            "",
            "secrets.example.org",
            "http://secrets.example.org",
            "https://secrets.example.org/steal",
            "https://secrets.example.org@evil.example",
            "javascript:alert(1)",
            "https://secrets.example.org/\u{1b}[2J",
        ] {
            assert_eq!(told(other), None, "{other:?}");
        }
    }
}
