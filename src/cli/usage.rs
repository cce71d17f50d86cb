//! What is said of a command line that can't be understood. Clap would quote it; here
//! nothing is quoted that could be a value typed in the wrong place.

use std::process::ExitCode;

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::output;

/// Where people of other tools give values.
const FOR_VALUES: [&str; 6] =
    ["--value", "--secret", "--from-literal", "--literal", "--token", "--password"];
const NEVER_AN_ARGUMENT: &str = "A value is never an argument: it comes from the hidden prompt, \
     --from-stdin or --from-file. If what you typed was a real value, take it out of the shell's \
     history and replace it at its provider";

const AFTER_EQUALS: &str = "{} takes what it is told after '='";

/// Help goes to standard output and ends well; anything else is an error.
pub(crate) fn end(error: &Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A reader that went away has read enough.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::FAILURE
        }
        _ => {
            let line: Vec<String> =
                std::env::args_os().filter_map(|word| word.into_string().ok()).collect();
            output::tell(&format!("error: {}", words(error, &line)));
            ExitCode::FAILURE
        }
    }
}

fn words(error: &Error, line: &[String]) -> String {
    let said = match error.kind() {
        ErrorKind::UnknownArgument => match flag(error, ContextKind::InvalidArg) {
            Some(flag) if FOR_VALUES.contains(&flag.as_str()) => {
                format!("there is no flag {flag}. {NEVER_AN_ARGUMENT}")
            }
            Some(flag) => format!("there is no flag {flag}{}", suggestion(error)),
            None if splits_dry_run(line) => AFTER_EQUALS.replace("{}", "--dry-run"),
            None => format!("more was given than this takes. {NEVER_AN_ARGUMENT}"),
        },
        ErrorKind::InvalidSubcommand => format!("there is no such verb{}", suggestion(error)),
        ErrorKind::MissingSubcommand => "name a verb".to_owned(),
        ErrorKind::MissingRequiredArgument => {
            format!("{} is missing", texts(error, ContextKind::InvalidArg).join(" and "))
        }
        ErrorKind::InvalidValue => match texts(error, ContextKind::ValidValue).as_slice() {
            [] => format!("{} needs something after it", argument(error)),
            valid => format!("{} takes one of: {}", argument(error), valid.join(", ")),
        },
        ErrorKind::ValueValidation => {
            // The sources are fixed texts of ours.
            let why = std::error::Error::source(error).map(ToString::to_string);
            format!("{}: {}", argument(error), why.unwrap_or_else(|| "can't be read".into()))
        }
        ErrorKind::ArgumentConflict => {
            let prior = texts(error, ContextKind::PriorArg).join(", ");
            format!("{} can't be given together with {prior}", argument(error))
        }
        ErrorKind::TooManyValues | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            format!("{} takes another number of values", argument(error))
        }
        ErrorKind::NoEquals => AFTER_EQUALS.replace("{}", &argument(error)),
        ErrorKind::InvalidUtf8 => "an argument is not UTF-8".to_owned(),
        _ => "this can't be understood".to_owned(),
    };
    format!("{said}\nSee '{} --help'", command(error))
}

/// Whether `--dry-run` stands alone and what it should be told comes next.
fn splits_dry_run(line: &[String]) -> bool {
    let told = |word: &String| ["none", "client", "server"].contains(&word.as_str());
    line.windows(2).any(|two| two[0] == "--dry-run" && told(&two[1]))
}

/// The argument's own name in our texts, e.g. `--dry-run[=<HOW>]`.
fn argument(error: &Error) -> String {
    texts(error, ContextKind::InvalidArg).join(", ")
}

fn texts(error: &Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}

/// What was typed, where it can be nothing but a flag's name.
fn flag(error: &Error, kind: ContextKind) -> Option<String> {
    let text = texts(error, kind).pop()?;
    let name = text.strip_prefix("--")?;
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    (plain && (2..=24).contains(&name.len())).then_some(text)
}

/// The nearest of our own words.
fn suggestion(error: &Error) -> String {
    let kinds = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand];
    let near: Vec<String> = kinds.into_iter().flat_map(|kind| texts(error, kind)).collect();
    if near.is_empty() { String::new() } else { format!(": did you mean {}?", near.join(" or ")) }
}

/// `kubectl kliv set`, from the usage line.
fn command(error: &Error) -> String {
    let usage = match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => usage.to_string(),
        _ => String::new(),
    };
    let words = usage.split_whitespace().skip_while(|word| *word != "kubectl");
    let words: Vec<&str> = words.take_while(|word| !word.starts_with(['-', '<', '['])).collect();
    // Without its arguments' names, which stand in capitals.
    let words: Vec<&str> = words.into_iter().filter(|w| *w == w.to_ascii_lowercase()).collect();
    if words.len() < 2 { "kubectl kliv".to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::args::Cli;
    use super::*;

    fn said(args: &[&str]) -> String {
        let line: Vec<String> =
            ["kubectl-kliv"].iter().chain(args).map(|&word| word.to_owned()).collect();
        words(&Cli::try_parse_from(&line).map(drop).unwrap_err(), &line)
    }

    #[test]
    fn nothing_that_was_typed_is_quoted() {
        let lines: [&[&str]; 8] = [
            &["s3cr3t"],
            &["version", "s3cr3t"],
            &["version", "--s3cr3t"],
            &["version", "-s3cr3t"],
            &["version", "--output=s3cr3t"],
            &["version", "--s3cr3t=x"],
            &["version", "--value=s3cr3t"],
            &["version", "--", "s3cr3t"],
        ];
        for line in lines {
            assert!(!said(line).contains("s3cr3t"), "{line:?}: {}", said(line));
        }
    }

    #[test]
    fn a_dry_run_without_its_equals_sign_is_told_what_it_lacks() {
        let line = ["set", "A_TOKEN", "--dry-run", "client"];
        assert!(said(&line).starts_with("--dry-run takes what it is told after '='"));
        let line = ["set", "A_TOKEN", "--dry-run", "s3cr3t"];
        assert!(said(&line).starts_with("more was given"), "{}", said(&line));
        for line in [["set", "A_TOKEN", "--dry-run"], ["set", "A_TOKEN", "--dry-run=client"]] {
            assert!(Cli::try_parse_from(["kubectl-kliv"].iter().chain(&line)).is_ok());
        }
    }

    #[test]
    fn a_mistyped_flag_or_verb_is_told_with_the_nearest() {
        assert!(said(&["version", "--namespase=x"]).contains("did you mean --namespace"));
        assert!(said(&["versio"]).contains("did you mean version"));
        assert!(said(&["version", "--outptu"]).ends_with("See 'kubectl kliv version --help'"));
    }
}
