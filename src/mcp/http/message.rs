//! A message on its way in: whole and in bounded memory, and as much of it as has to be known
//! before the tools see it.

use std::borrow::Cow;
use std::pin::pin;

use axum::body::Body;
use futures::StreamExt as _;
use http::{HeaderMap, header};
use rmcp::model::InitializeRequestParams;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::limits::{self, Held, Takes};
use super::refused::Refused;
use crate::runtime::room::SentAway;

/// Tools that wait for people.
const WAITS: [&str; 1] = ["wait_for_secret"];

/// As much of a message as has to be known before the tools see it.
#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(default)]
    method: Option<String>,
    #[serde(default, borrow)]
    params: Option<&'a RawValue>,
}

impl Message<'_> {
    /// What a client says that begins.
    pub(super) fn begins(&self) -> Option<InitializeRequestParams> {
        let begins = self.method.as_deref() == Some("initialize");
        let params = self.params.filter(|_| begins)?;
        serde_json::from_str(params.get()).ok()
    }

    /// How long it may take to answer it.
    pub(super) fn takes(&self) -> Takes {
        #[derive(Deserialize)]
        struct Tool<'a> {
            #[serde(borrow)]
            name: Cow<'a, str>,
        }
        let calls = self.method.as_deref() == Some("tools/call");
        let params = self.params.filter(|_| calls);
        let tool = params.and_then(|params| serde_json::from_str::<Tool<'_>>(params.get()).ok());
        match tool.is_some_and(|tool| WAITS.contains(&&*tool.name)) {
            true => Takes::Long,
            false => Takes::Moments,
        }
    }
}

/// A message, whole and of so many bytes at `most`. What is in memory of it is `held`.
pub(super) async fn arrived(
    headers: &HeaderMap,
    body: Body,
    most: usize,
    held: &mut Held,
) -> Result<Vec<u8>, Refused> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok());
    let announced = announced.and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length > most) {
        return Err(Refused::TooLarge);
    }
    let body = tokio::time::timeout(limits::ARRIVES, read(body, most, held)).await;
    body.map_err(|_| Refused::Late)?
}

async fn read(body: Body, most: usize, held: &mut Held) -> Result<Vec<u8>, Refused> {
    let mut sent_away = pin!(held.sent_away());
    let mut pieces = body.into_data_stream();
    let mut body = Vec::new();
    loop {
        let piece = tokio::select! {
            biased;
            () = &mut sent_away => return Err(SentAway.into()),
            piece = pieces.next() => piece,
        };
        let Some(piece) = piece else { break };
        let piece = piece.map_err(|_| Refused::NotJson)?;
        let needed = body.len() + piece.len();
        if needed > most {
            return Err(Refused::TooLarge);
        }
        let before = body.capacity();
        if needed > before {
            let after = needed.max(before * 2).min(most);
            held.take(after - before).await?;
            body.reserve_exact(after - body.len());
        }
        body.extend_from_slice(&piece);
    }
    held.arrived()?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use futures::stream;
    use serde_json::json;

    use super::*;
    use crate::runtime::room::Room;
    use crate::runtime::share::Shares;

    const MOST: usize = 4096;

    /// A body whose end does not come.
    fn slow(begins: usize) -> Body {
        let first = stream::iter([Ok::<_, std::io::Error>(vec![b' '; begins])]);
        Body::from_stream(first.chain(stream::pending()))
    }

    /// Room for so much of each, in room for so much of all.
    fn room(of_each: usize, of_all: usize) -> impl Fn(&str) -> Held {
        let (room, shares) = (Room::new(of_all, 100), Shares::new(of_each));
        move |who| Held::new(room.enter(), shares.of(who))
    }

    fn read_now(body: Body, held: &mut Held) -> Option<Result<usize, Refused>> {
        read(body, MOST, held).now_or_never().map(|read| read.map(|body| body.len()))
    }

    fn of(length: usize) -> Body {
        Body::from(vec![b' '; length])
    }

    #[tokio::test]
    async fn messages_of_all_have_so_much_memory_and_the_slowest_gives_way() {
        let enter = room(1000, 1000);
        let (mut first, mut second, mut third) = (enter("a"), enter("b"), enter("c"));
        let mut arriving = Box::pin(read(slow(600), MOST, &mut first));
        assert!(arriving.as_mut().now_or_never().is_none());
        assert_eq!(read_now(of(400), &mut second), Some(Ok(400)));
        // What has arrived keeps its room; what trickles does not.
        assert_eq!(read_now(of(600), &mut third), None);
        assert_eq!(arriving.await, Err(Refused::Busy));
        drop((first, third));
        assert_eq!(read_now(of(600), &mut enter("c")), Some(Ok(600)));
    }

    #[tokio::test(start_paused = true)]
    async fn where_nothing_gives_way_there_is_no_room_and_it_is_said_so() {
        let enter = room(1000, 1000);
        let (mut held, mut next) = (enter("a"), enter("b"));
        assert_eq!(read_now(of(900), &mut held), Some(Ok(900)));
        let refused = arrived(&HeaderMap::new(), of(200), MOST, &mut next).await;
        assert_eq!(refused, Err(Refused::Busy));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_fills_what_others_need_by_himself() {
        let enter = room(500, 1000);
        let (mut first, mut second, mut other) = (enter("a"), enter("a"), enter("b"));
        assert_eq!(read_now(of(400), &mut first), Some(Ok(400)));
        assert_eq!(read_now(of(200), &mut second), Some(Err(Refused::TooMany)));
        assert_eq!(read_now(of(500), &mut other), Some(Ok(500)));
        drop((first, second));
        assert_eq!(read_now(of(500), &mut enter("a")), Some(Ok(500)));
    }

    #[test]
    fn a_message_that_waits_for_people_is_known_by_its_tool() {
        let takes = |message: serde_json::Value| {
            let text = message.to_string();
            serde_json::from_str::<Message<'_>>(&text).unwrap().takes()
        };
        for wait in WAITS {
            let call =
                json!({ "method": "tools/call", "params": { "arguments": {}, "name": wait } });
            assert_eq!(takes(call), Takes::Long);
        }
        let escaped = r#"{"method":"tools\u002fcall","params":{"name":"\u0077ait_for_secret"}}"#;
        let escaped: Message<'_> = serde_json::from_str(escaped).unwrap();
        assert_eq!(escaped.takes(), Takes::Long);
        for short in [
            json!({ "method": "tools/call", "params": { "name": "list_secrets" } }),
            json!({ "method": "tools/list" }),
            json!({ "method": "tools/call", "params": [] }),
        ] {
            assert_eq!(takes(short), Takes::Moments);
        }
    }
}
