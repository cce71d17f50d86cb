//! What goes to standard output and standard error, and nothing else does.

use std::io::{ErrorKind, Write as _, stderr, stdout};

use kube::Resource;
use serde::Serialize;
use serde_json::{Value, json};

use super::args::Format;
use super::failure::Failure;
use crate::api::KlivSecret;

/// Writes what was asked for, as it is.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::Unread,
        _ => Failure::plain("can't write to standard output"),
    })
}

/// Writes what was done, or found. What is still to do is done also where nobody reads it.
pub(crate) fn done(text: &str) {
    match print(text) {
        Ok(()) | Err(Failure::Unread) => {}
        Err(failure) => tell(&format!("error: {failure}")),
    }
}

/// Says something beside it, on standard error: a whole line.
pub(crate) fn tell(text: &str) {
    // Where nobody hears it there is nobody to tell that either.
    let _ = writeln!(stderr().lock(), "{text}");
}

/// Warns as kubectl does.
pub(crate) fn warn(text: &str, colour: bool) {
    match colour {
        true => tell(&format!("\u{1b}[33;1mWarning:\u{1b}[0m {text}")),
        false => tell(&format!("Warning: {text}")),
    }
}

/// Objects as `-o json`, `-o yaml` or `-o name` show them; nothing for tables. One that was
/// asked for by name stands alone, several are a List.
pub(crate) fn objects<K>(objects: &[K], format: Format, alone: bool) -> Option<String>
where
    K: Resource<DynamicType = ()> + Serialize,
{
    let value = || match objects {
        [object] if alone => shown(object),
        objects => json!({
            "apiVersion": "v1", "kind": "List", "metadata": {},
            "items": objects.iter().map(shown).collect::<Vec<_>>(),
        }),
    };
    match format {
        Format::Json => json(&value()),
        Format::Yaml => yaml(&value()),
        Format::Name => Some(objects.iter().map(|object| named(object) + "\n").collect()),
        Format::Wide => None,
    }
}

/// The same where more may follow: each alone.
pub(crate) fn one_by_one<K>(objects: &[K], format: Format) -> Option<String>
where
    K: Resource<DynamicType = ()> + Serialize,
{
    let head = match format {
        Format::Wide => return None,
        Format::Yaml => "---\n",
        Format::Json | Format::Name => "",
    };
    let texts = objects.iter().map(|one| self::objects(std::slice::from_ref(one), format, true));
    Some(texts.flatten().map(|text| head.to_owned() + &text).collect())
}

/// As `-o json` shows it.
pub(crate) fn json(value: &Value) -> Option<String> {
    serde_json::to_string_pretty(value).ok().map(|text| text + "\n")
}

/// As `-o yaml` shows it.
pub(crate) fn yaml(value: &Value) -> Option<String> {
    serde_saphyr::to_string(value).ok()
}

/// `klivsecret.secrets.kliv.dev/NAME`, as kubectl names objects.
pub(crate) fn named<K: Resource<DynamicType = ()>>(object: &K) -> String {
    let (kind, group) = (K::kind(&()).to_lowercase(), K::group(&()));
    format!("{kind}.{group}/{}", object.meta().name.as_deref().unwrap_or_default())
}

/// As kubectl shows an object: without `managedFields`.
fn shown<K: Serialize>(object: &K) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    value
}

/// Takes the masks out of a secret, for every way of showing it.
pub(crate) fn without_mask(secret: &mut KlivSecret) {
    let Some(status) = &mut secret.status else { return };
    status.masked_value = None;
    status.history.iter_mut().for_each(|entry| entry.masked_value.clear());
}

/// How long ago, as kubectl's tables say it: `3s`, `5m`, `7h`, `3d`.
pub(crate) fn age(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 if seconds % 60 != 0 => format!("{minutes}m{}s", seconds % 60),
        120..10_800 => format!("{minutes}m"),
        10_800..28_800 if minutes % 60 != 0 => format!("{hours}h{}m", minutes % 60),
        10_800..172_800 => format!("{hours}h"),
        172_800..691_200 if hours % 24 != 0 => format!("{days}d{}h", hours % 24),
        172_800..63_072_000 => format!("{days}d"),
        _ => format!("{}y{}d", days / 365, days % 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_as_in_kubectls_tables() {
        let table = [
            (-5, "0s"),
            (119, "119s"),
            (120, "2m"),
            (150, "2m30s"),
            (660, "11m"),
            (10_860, "3h1m"),
            (30_000, "8h"),
            (180_000, "2d2h"),
            (864_000, "10d"),
            (70_000_000, "2y80d"),
        ];
        for (seconds, text) in table {
            assert_eq!(age(seconds), text, "{seconds}");
        }
    }
}
