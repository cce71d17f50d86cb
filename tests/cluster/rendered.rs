//! The chart as Helm renders it with some values, and what of it a server's tests look at.

use std::path::Path;

use clap::Parser as _;
use kliv_secrets::runtime::args::{Cli, Command};
use serde_json::Value;

use crate::chart;
use crate::harness::{self, Outcome};

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/kliv-secrets");

/// What Helm makes of the chart with these values, or says against them.
pub(crate) async fn render(values: &[&str]) -> Outcome {
    render_on(chart::NEWER, values).await
}

/// The same, for a Kubernetes of this kind.
pub(crate) async fn render_on(kubernetes: &[&str], values: &[&str]) -> Outcome {
    let mut args = vec!["template", "kliv-secrets", CHART, "--namespace=kliv-secrets-system"];
    args.push("--set=image.repository=example.org/kliv-secrets,image.tag=test");
    args.extend(kubernetes);
    for value in values {
        args.extend(["--set", value]);
    }
    harness::control_plane().await.helm(&args)
}

/// The objects.
pub(crate) async fn objects(values: &[&str]) -> Vec<Value> {
    serde_saphyr::from_multiple(&render(values).await.success()).expect("YAML")
}

/// The object of a part.
#[track_caller]
pub(crate) fn find<'a>(objects: &'a [Value], kind: &str, part: &str) -> &'a Value {
    let name = format!("kliv-secrets-{part}");
    let is_it = |o: &&Value| o["kind"] == kind && o["metadata"]["name"] == *name;
    objects.iter().find(is_it).unwrap_or_else(|| panic!("no {kind} {name}"))
}

/// The pod's spec of a part.
#[track_caller]
pub(crate) fn pod<'a>(objects: &'a [Value], part: &str) -> &'a Value {
    &find(objects, "Deployment", part)["spec"]["template"]["spec"]
}

/// What the program reads of a part's arguments.
pub(crate) fn command(objects: &[Value], part: &str) -> Command {
    let args = pod(objects, part)["containers"][0]["args"].as_array().expect("arguments").clone();
    let line = args.iter().map(|arg| arg.as_str().expect("text"));
    Cli::try_parse_from(["kliv-secrets"].into_iter().chain(line)).expect("arguments").command
}

/// That a file which an argument names is mounted.
#[track_caller]
pub(crate) fn is_mounted(pod: &Value, file: Option<&Path>) {
    let path = file.and_then(Path::to_str).expect("a path");
    let mounts = pod["containers"][0]["volumeMounts"].as_array().expect("mounts");
    let mount = mounts.iter().find(|m| path.starts_with(m["mountPath"].as_str().expect("a path")));
    let name = &mount.unwrap_or_else(|| panic!("{path} is not mounted"))["name"];
    let volumes = pod["volumes"].as_array().expect("volumes");
    let volume = volumes.iter().find(|volume| volume["name"] == *name).expect("a volume");
    let source = volume.get("secret").or(volume.get("configMap")).expect("a source");
    let entry = source["items"][0]["path"].as_str().expect("a path");
    assert!(path.ends_with(entry) || path.ends_with("/tls"), "{path}: {entry}");
}
