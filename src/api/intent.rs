//! The one gate: what a spec asks for, or why it can't be understood.
//!
//! The webhook, the engine and every door after them read a spec through
//! [`Intent::of`], so that all of them refuse the same things in the same words. The
//! CRD's own rules say the same once more, for when nothing of ours runs.

use super::dns::is_dns_label;
use super::names::{MAX_ENV_VAR, MAX_SEALED};
use super::{Generate, KlivSecretSpec, Question};

/// Names that would change how a function itself runs; compared in capitals.
pub(crate) const RESERVED: [&str; 26] = [
    "PATH",
    "HOME",
    "HOSTNAME",
    "USER",
    "SHELL",
    "PWD",
    "TERM",
    "TMPDIR",
    "TZ",
    "IFS",
    "ENV",
    "BASH_ENV",
    "NODE_OPTIONS",
    "NODE_PATH",
    "NODE_EXTRA_CA_CERTS",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "PERL5LIB",
    "PERL5OPT",
    "RUBYOPT",
    "RUBYLIB",
    "JAVA_TOOL_OPTIONS",
    "GODEBUG",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];
/// How others begin that would.
pub(crate) const RESERVED_PREFIXES: [&str; 4] = ["LD_", "DYLD_", "KUBERNETES_", "DENO_"];

/// A spec that has been understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Intent {
    /// The variable's name.
    pub env_var: String,
    /// The environment, where there is one.
    pub environment: Option<String>,
    /// Where the value comes from.
    pub source: Source,
}

/// Where a secret's value comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// It is there, sealed.
    Sealed(String),
    /// The cluster makes it.
    Generate(Generate),
    /// Somebody must answer with the first value.
    Question(Question),
    /// Nothing: allowed only where a former value is kept.
    Nothing,
}

/// Why a spec is refused: the field, and a fixed text with the way out.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{field}: {message}")]
pub struct Refusal {
    /// What is wrong, for doors with words of their own.
    pub wrong: Wrong,
    /// The field, e.g. `spec.envVar`.
    pub field: &'static str,
    /// What is wrong and what to do; never quotes what was given.
    pub message: &'static str,
}

/// What can be wrong with a spec.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrong {
    /// The variable is malformed.
    Variable,
    /// The variable is reserved.
    Reserved,
    /// The environment is malformed.
    Environment,
    /// The object's name is not the one that belongs to the variable.
    Name,
    /// What stands for a sealed value is none.
    Sealed,
    /// It does not fit the schema.
    Schema,
}

impl Intent {
    /// Reads a spec, and checks that the object has the name that belongs to it.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn of(name: &str, spec: &KlivSecretSpec) -> Result<Self, Refusal> {
        check_env_var(&spec.env_var)?;
        if let Some(environment) = &spec.environment {
            check_environment(environment)?;
        }
        if name != object_name(&spec.env_var, spec.environment.as_deref()) {
            return Err(Refusal {
                wrong: Wrong::Name,
                field: "metadata.name",
                message: "must be spec.envVar in small letters with dashes for underscores, \
                          followed by '.' and spec.environment where there is one, \
                          e.g. openai-api-key or openai-api-key.production",
            });
        }
        let source = match (&spec.sealed, &spec.generate, &spec.request) {
            (Some(sealed), _, _) => {
                if !sealed.starts_with("kliv1.") || sealed.len() > MAX_SEALED {
                    return Err(Refusal {
                        wrong: Wrong::Sealed,
                        field: "spec.sealed",
                        message: "is not a sealed value: it begins with 'kliv1.' and has at most \
                                  98304 characters. A plain value goes into spec.value",
                    });
                }
                Source::Sealed(sealed.clone())
            }
            (None, Some(generate), _) => Source::Generate(generate.clone()),
            (None, None, Some(question)) if question.is_for_the_first_value() => {
                Source::Question(question.clone())
            }
            (None, None, _) => Source::Nothing,
        };
        Ok(Self { env_var: spec.env_var.clone(), environment: spec.environment.clone(), source })
    }
}

/// The name that a KlivSecret must have: the variable's, in small letters with
/// dashes, then `.` and the environment where there is one. Two objects of an account
/// can't claim one variable.
#[must_use]
pub fn object_name(env_var: &str, environment: Option<&str>) -> String {
    let name = env_var.to_ascii_lowercase().replace('_', "-");
    match environment {
        Some(environment) => format!("{name}.{environment}"),
        None => name,
    }
}

/// Whether a variable may have this name.
///
/// # Errors
/// It is malformed or reserved.
pub fn check_env_var(name: &str) -> Result<(), Refusal> {
    let refuse = |wrong, message| Err(Refusal { wrong, field: "spec.envVar", message });
    if !is_well_formed(name) {
        return refuse(
            Wrong::Variable,
            "must start with a letter, end with a letter or digit, hold only letters, digits and \
             underscores, and have at most 128 characters, e.g. OPENAI_API_KEY",
        );
    }
    let capitals = name.to_ascii_uppercase();
    if RESERVED.contains(&capitals.as_str())
        || RESERVED_PREFIXES.iter().any(|p| capitals.starts_with(p))
    {
        return refuse(
            Wrong::Reserved,
            "is reserved: it would change how the function itself runs. Name it after the \
             service, e.g. SENDGRID_API_KEY",
        );
    }
    Ok(())
}

/// Whether this is the name of a variable, reserved or not.
#[must_use]
pub fn is_well_formed(name: &str) -> bool {
    let bytes = name.as_bytes();
    name.len() <= MAX_ENV_VAR
        && bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

/// Whether an environment may have this name: a DNS label, since it becomes part of
/// object names.
///
/// # Errors
/// It is malformed.
pub fn check_environment(name: &str) -> Result<(), Refusal> {
    if is_dns_label(name) {
        return Ok(());
    }
    Err(Refusal {
        wrong: Wrong::Environment,
        field: "spec.environment",
        message: "must be small letters, digits and dashes, at most 63, e.g. production",
    })
}

/// [`check_env_var`]'s reserved names as a CEL rule of the CRD.
pub(super) fn reserved_rule() -> String {
    cel_not_reserved("self.envVar")
}

/// A CEL expression that is true when the string `operand` is not reserved.
#[must_use]
pub fn cel_not_reserved(operand: &str) -> String {
    let names = RESERVED.map(|name| format!("'{name}'")).join(", ");
    let prefixes = RESERVED_PREFIXES
        .map(|prefix| format!(" && !{operand}.upperAscii().startsWith('{prefix}')"))
        .concat();
    format!("!({operand}.upperAscii() in [{names}]){prefixes}")
}
