//! An answer on its way to whoever reads it, and how long it waits for him.
//!
//! While a client lets no byte through, the connection does not ask for the next piece: a
//! deadline or a place that sits in the body would last for as long as he likes. So a task asks
//! for the pieces and has what the answer takes, and it ends for certain. The connection has the
//! end of a short line.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::{StreamExt as _, stream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

/// How long a piece waits to be taken.
const TAKEN: Duration = Duration::from_secs(30);

/// The largest piece, bytes: what nobody takes is in memory until the connection is gone, which
/// may be two of them, one here and one there.
const PIECE: usize = 16 * 1024;

/// Nobody took it, or it could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the answer was not handed on as a whole")]
struct Broken;

/// What an answer takes. Of those who hold it, the first one that ends lets go of it.
struct Takes<T>(Arc<Mutex<Option<T>>>);

impl<T> Drop for Takes<T> {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// The same answer, which goes on for so long at most. What it `takes` is let go of when all of
/// it is on its way, when the time is over, when it is not taken, and when the connection has let
/// go of it; what is `unread`, only then.
pub(crate) fn hand_on(
    body: Body,
    lasting: Duration,
    takes: impl Send + 'static,
    unread: impl Send + 'static,
) -> Body {
    let (hand, mut line) = mpsc::channel(1);
    let (tell_whole, whole) = oneshot::channel();
    let takes = Takes(Arc::new(Mutex::new(Some(takes))));
    let until_gone = (Takes(Arc::clone(&takes.0)), unread);
    tokio::spawn(async move {
        let _takes = takes;
        let mut pieces = pin!(body.into_data_stream().take_until(sleep(lasting)));
        let all = async {
            while let Some(piece) = pieces.next().await {
                // A part of it would keep all of it in memory.
                for part in piece.map_err(|_| Broken)?.chunks(PIECE) {
                    let taken = timeout(TAKEN, hand.send(Bytes::copy_from_slice(part))).await;
                    taken.map_err(|_| Broken)?.map_err(|_| Broken)?;
                }
            }
            Ok::<_, Broken>(())
        };
        tokio::select! {
            all = all => {
                let _ = all.map(|()| tell_whole.send(()));
            }
            () = hand.closed() => {}
        }
    });
    let pieces = stream::poll_fn(move |context| {
        let _ = &until_gone;
        line.poll_recv(context)
    });
    // Half an answer does not look like a whole one.
    let end = stream::once(whole).filter_map(async |whole| whole.err().map(|_| Err(Broken)));
    Body::from_stream(pieces.map(Ok).chain(end))
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use axum::body::to_bytes;

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    /// Something that is held, and what tells when it is let go of.
    fn held() -> (oneshot::Sender<()>, oneshot::Receiver<()>) {
        oneshot::channel()
    }

    /// Whether it is let go of, at last.
    async fn is_gone(held: oneshot::Receiver<()>) -> bool {
        timeout(2 * LONG, held).await.is_ok_and(|gone| gone.is_err())
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_read_comes_as_it_is() {
        let (takes, gone) = held();
        let large = vec![b'x'; 5 * PIECE + 1];
        let body = hand_on(Body::from(large.clone()), LONG, takes, ());
        assert_eq!(to_bytes(body, usize::MAX).await.unwrap(), large);
        assert!(is_gone(gone).await);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_reads_takes_nothing_any_more_after_a_while_and_is_known_as_broken() {
        let (takes, gone) = held();
        let (unread, mut read) = held();
        let body = hand_on(Body::from(vec![b'x'; 5 * PIECE]), LONG, takes, unread);
        assert!(is_gone(gone).await);
        assert_eq!(read.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        assert!(to_bytes(body, usize::MAX).await.is_err(), "half of it is no answer");
        assert!(is_gone(read).await);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_without_an_end_ends() {
        let (takes, gone) = held();
        let first = stream::iter([Ok::<_, Broken>("x")]);
        let endless = Body::from_stream(first.chain(stream::pending()));
        let body = hand_on(endless, LONG, takes, ());
        assert!(is_gone(gone).await, "also while nobody asks for more");
        assert_eq!(to_bytes(body, usize::MAX).await.unwrap(), "x");
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_away_ends_it() {
        let ((takes, mut gone), (makes, not_made)) = (held(), held());
        let endless = stream::poll_fn(move |_| {
            let _ = &makes;
            Poll::<Option<Result<Bytes, Broken>>>::Pending
        });
        let body = hand_on(Body::from_stream(endless), LONG, takes, ());
        tokio::task::yield_now().await;
        assert_eq!(gone.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        drop(body);
        assert_eq!(gone.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        let soon = timeout(TAKEN, not_made).await;
        assert!(soon.is_ok_and(|gone| gone.is_err()), "before its time is over");
    }
}
