//! `kubectl kliv seal`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::import::{Written, environment, place_of, read, tell_invalid};
use super::session::Session;
use super::{output, prompt};
use crate::account::unsealed::{Looked, look};
use crate::account::{Namespace, Target, manifest, sealed_at_least};
use crate::admission::warnings;
use crate::api::text::harmless;
use crate::api::{KlivSecret, KlivSecretSpec};
use crate::runtime::{clock, entropy};
use crate::seal::{Plaintext, SealingKey};

/// The longest manifest that is looked at, bytes.
const LONGEST: usize = 64 * 1024 * 1024;
/// The longest text form of a sealing key, bytes.
const LONGEST_KEY: usize = 4096;

/// Flags of `seal`.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The variable, e.g. STRIPE_API_KEY
    #[arg(value_name = "NAME", required_unless_present_any = ["env_file", "check"])]
    name: Option<String>,

    /// Seal every value of this .env, JSON or YAML file instead; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "from_stdin", "from_file"])]
    env_file: Option<PathBuf>,

    /// How that file is written; without this, its name tells, or its first sign
    #[arg(long, value_enum, value_name = "FORMAT", requires = "env_file")]
    format: Option<Written>,

    /// The environment that the value is for; without it, it reaches every function
    #[arg(short, long, value_name = "ENVIRONMENT", value_parser = environment)]
    environment: Option<String>,

    /// For people: what it is for, where it comes from, who to ask
    #[arg(long, value_name = "TEXT", requires = "name")]
    description: Option<String>,

    /// The public key in a file: then no cluster is asked for anything, and -n names the
    /// account
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,

    /// Seal nothing; fail where these manifests, or those in these folders, hold anything
    /// that is not sealed
    #[arg(
        long,
        value_name = "PATH",
        num_args = 1..,
        conflicts_with_all = [
            "name", "env_file", "environment", "public_key", "from_stdin", "from_file",
        ]
    )]
    check: Vec<PathBuf>,

    #[command(flatten)]
    from: prompt::From,
}

const EXAMPLES: &str = "\
Examples:
  kubectl kliv seal STRIPE_API_KEY -n acme > stripe.yaml
  kubectl kliv seal --env-file .env -n acme -e test --public-key kliv.pub > secrets.yaml
  kubectl kliv seal --check manifests/

The manifest may be committed: it opens only in this installation, account and environment and
under this name. To keep the public key:
  kubectl get configmap kliv-secrets-sealing-key -n kliv-secrets-system \\
    -o jsonpath='{.data.sealing-key}' > kliv.pub

--check reads .yaml, .yml and .json files in folders, hidden folders left out, and manifests and
patches in their texts. It can't see a value that only becomes one of a KlivSecret later, e.g. in
a chart's values.yaml or in a template.";

pub(crate) async fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    if !args.check.is_empty() {
        return check(&args.check);
    }
    let values = match &args.env_file {
        Some(file) => {
            let bundle = read(file, args.format)?;
            tell_invalid(&bundle, &place_of(file));
            if !bundle.invalid.is_empty() {
                return Err(Failure::plain("nothing was sealed: mend what is invalid"));
            }
            if bundle.entries.is_empty() {
                return Err(Failure::plain(format!("there is nothing in {}", place_of(file))));
            }
            let environment = &args.environment;
            let target = |variable| Target::new(variable, environment.clone());
            bundle.entries.into_iter().map(|e| (target(e.name), Some(e.value))).collect()
        }
        None => {
            let name = args.name.as_deref().unwrap_or_default();
            let target = Target::parse(name, args.environment.as_deref())?;
            vec![(target, prompt::given(&args.from)?)]
        }
    };
    let (account, key) = account_and_key(args, session).await?;
    let mut manifests = Vec::new();
    for (target, value) in values {
        let asks = format!("value of {} in {account} (hidden): ", target.variable);
        let value = prompt::given_or_typed(value, &asks, session.terminal)?;
        manifests.push(sealed(args, &account, &key, &target, &value, session)?);
    }
    output::print(&manifests.join("---\n"))?;
    if session.given_namespace().is_none() {
        // It opens nowhere else, and nobody has named it.
        output::tell(&format!("sealed for the account {account}"));
    }
    Ok(())
}

async fn account_and_key(
    args: &Args,
    session: &Session,
) -> Result<(Namespace, SealingKey), Failure> {
    let Some(file) = &args.public_key else {
        let caller = session.caller().await?;
        let key = caller.sealing_key().await?;
        return Ok((caller.namespace, key));
    };
    let account = session.given_namespace().ok_or_else(|| {
        Failure::plain("with --public-key no kubeconfig is read: give the account with -n")
    })?;
    let account = Namespace::try_from(account)?;
    let text = File::open(file).ok().and_then(|file| prompt::read_up_to(file, LONGEST_KEY));
    let text = text.ok_or(prompt::NotAsked::File)?;
    #[expect(clippy::disallowed_methods, reason = "a public key is no value")]
    let text = std::str::from_utf8(text.expose()).unwrap_or_default();
    // Its errors do not quote what was there.
    let key = SealingKey::parse(text)
        .map_err(|error| Failure::plain(format!("{}: {error}", place_of(file))))?;
    Ok((account, key))
}

fn sealed(
    args: &Args,
    account: &str,
    key: &SealingKey,
    target: &Target,
    value: &Plaintext,
    session: &Session,
) -> Result<String, Failure> {
    for warning in warnings(&target.intent(), true, Some(value)) {
        let text = format!("{}: {}", target.variable, harmless(&warning, 512));
        output::warn(&text, session.terminal.colour);
    }
    let sealed = target.seal(
        account,
        key,
        value,
        sealed_at_least(None, clock::now()),
        &mut entropy::system(),
    )?;
    let spec = KlivSecretSpec {
        env_var: target.variable.clone(),
        environment: target.environment.clone(),
        description: args.description.clone(),
        sealed: Some(sealed.to_string()),
        ..KlivSecretSpec::default()
    };
    let mut secret = KlivSecret::new(&target.object(), spec);
    secret.metadata.namespace = Some(account.to_owned());
    manifest(&secret).ok_or_else(|| Failure::plain("the description can't be written as YAML"))
}

/// Says what is not sealed, a line each.
fn check(paths: &[PathBuf]) -> Result<(), Failure> {
    let (mut secrets, mut bad) = (0, 0);
    let mut said = String::new();
    for file in files(paths)? {
        let place = place_of(&file);
        let text = manifest_in(&file, &place)?;
        #[expect(clippy::disallowed_methods, reason = "a manifest is searched for values")]
        let Looked { secrets: here, unsealed, unreadable } = look(text.expose());
        secrets += here;
        bad += unsealed.len() + usize::from(unreadable);
        for found in unsealed {
            let object = harmless(&found.object, 253);
            let (document, what) = (found.document, found.what);
            said += &format!("{place}: document {document}: klivsecret {object}: {what}\n");
        }
        if unreadable {
            said += &format!("{place}: names KlivSecret, but is neither YAML nor JSON\n");
        }
    }
    if bad == 0 {
        return output::print(&format!("nothing unsealed in {secrets} KlivSecrets\n"));
    }
    output::done(&said);
    output::tell(
        "seal them with kubectl kliv seal; what was pushed anywhere is known there: replace it at \
         its provider",
    );
    Err(Failure::Told)
}

/// The whole of a file.
fn manifest_in(file: &Path, place: &str) -> Result<Plaintext, Failure> {
    let read = || {
        let file = File::open(file).ok()?;
        let about = file.metadata().ok()?;
        // Of a pipe nobody knows how much comes.
        let length = if about.is_file() { usize::try_from(about.len()).ok()? } else { LONGEST };
        let most = length.min(LONGEST);
        Some((prompt::read_up_to(file, most)?, most))
    };
    let (text, most) = read().ok_or_else(|| Failure::plain(format!("{place} can't be read")))?;
    if text.len() > most {
        return Err(Failure::plain(format!(
            "{place} is larger than 64 MiB, or grows: it can't be judged"
        )));
    }
    Ok(text)
}

/// The files among the paths, and the manifests in the folders among them, in order.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        let unreadable = || Failure::plain(format!("{} can't be read", place_of(path)));
        if fs::metadata(path).map_err(|_| unreadable())?.is_dir() {
            walk(path, &mut files).ok_or_else(unreadable)?;
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

/// Links are not followed, and hidden folders, e.g. `.git`, are left alone.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Option<()> {
    let mut entries: Vec<_> = fs::read_dir(folder).ok()?.collect::<Result<_, _>>().ok()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (kind, path) = (entry.file_type().ok()?, entry.path());
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let extension = path.extension().and_then(|extension| extension.to_str());
        let is_manifest = extension.is_some_and(|e| {
            ["yaml", "yml", "json"].iter().any(|known| e.eq_ignore_ascii_case(known))
        });
        if kind.is_dir() && !hidden {
            walk(&path, files)?;
        } else if kind.is_file() && is_manifest {
            files.push(path);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_judged_whole_or_not_at_all() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, "a: b\n").unwrap();
        assert_eq!(manifest_in(file.path(), "x").map(|text| text.len()).ok(), Some(5));
        file.as_file().set_len(LONGEST as u64 + 1).unwrap();
        let refused = manifest_in(file.path(), "x").err().map(|error| error.to_string());
        assert!(refused.unwrap().starts_with("x is larger than 64 MiB"));
    }
}
