//! JSON files: `{"NAME": "value"}`.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::bundle::{Bundle, Fault, Lines};
use crate::seal::Plaintext;

/// Reads a whole file.
pub(super) fn read(text: &str, bundle: &mut Bundle) {
    let fields: Fields = match serde_json::from_str(text) {
        Ok(fields) => fields,
        // The error's text may quote the file: it ends here.
        Err(error) => {
            let fault =
                if error.classify() == Category::Data { Fault::NotMap } else { Fault::NotJson };
            return bundle.refuse(error.line().max(1), None, fault);
        }
    };
    let mut lines = Lines::of(text.as_bytes());
    for (name, raw) in fields.0 {
        let raw = raw.get();
        let line = lines.line_at(raw.as_ptr().addr() - text.as_ptr().addr());
        match raw.as_bytes().first() {
            Some(b'"') => match unescaped(&raw[1..raw.len() - 1]) {
                Some(value) => bundle.push(&name, line, value, None),
                None => bundle.refuse(line, Some(&name), Fault::NotJson),
            },
            Some(b'{' | b'[') => bundle.refuse(line, Some(&name), Fault::Nested),
            Some(b'n') => bundle.refuse(line, Some(&name), Fault::Empty),
            _ => bundle.refuse(line, Some(&name), Fault::Unquoted),
        }
    }
}

/// The fields in their order, doubles too, and their values as they are written.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Map)
    }
}

/// What stands between the quotation marks of a JSON text whose escapes are well formed;
/// nothing where they name half a character. serde_json's own would leave copies behind.
fn unescaped(text: &str) -> Option<Plaintext> {
    let mut value = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        value.extend_from_slice(before.as_bytes());
        let mut length = 1;
        let c = match escape.as_bytes().first()? {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = |at: usize| u16::from_str_radix(escape.get(at..at + 4)?, 16).ok();
                let first = unit(1)?;
                let is_pair = (0xd800..0xdc00).contains(&first) && escape.get(5..7) == Some("\\u");
                length = if is_pair { 11 } else { 5 };
                let second = if is_pair { Some(unit(7)?) } else { None };
                let mut chars = char::decode_utf16(std::iter::once(first).chain(second));
                let c = chars.next()?.ok()?;
                if chars.next().is_some() {
                    return None;
                }
                c
            }
            sign => char::from(*sign),
        };
        value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        rest = &escape[length..];
    }
    value.extend_from_slice(rest.as_bytes());
    Some(Plaintext::new(std::mem::take(&mut *value)))
}
