//! The keyring through the life of a replica: looked at before it may lead, had and looked
//! after while it leads, waited for where it is lost.
#![expect(clippy::disallowed_types, reason = "hands the client on")]

use std::time::Duration;

use kube::Client;
use tokio_util::sync::CancellationToken;

use super::cluster::{Published, check, load_or_create, publish_sealing_key};
use super::tell::{Teller, Trouble};
use super::{KeySource, KeysError};
use crate::runtime::{clock, entropy};
use crate::seal::{KeyInfo, Keyring};

/// How long until a lost keyring is looked for again …
const LOST: Duration = Duration::from_secs(5);
/// … and until it is looked whether one in use is still there.
const IN_USE: Duration = Duration::from_secs(30);

/// Has the keyring for one replica, and tells what is wrong with it.
pub struct Keeper<'a> {
    client: Client,
    source: KeySource<'a>,
    teller: Teller,
}

/// What came of looking for the keyring.
pub enum Found {
    /// It is here, and its sealing key is published.
    Keyring(Keyring),
    /// It is lost or can't be read, which was told.
    Lost,
    /// Told to stop before that was clear.
    Stopped,
}

impl<'a> Keeper<'a> {
    /// One for a replica; `instance` is its name in Events.
    #[must_use]
    pub fn new(client: Client, source: KeySource<'a>, instance: &str) -> Self {
        let teller = Teller::new(client.clone(), source.namespace, instance);
        Self { client, source, teller }
    }

    /// Whether this replica could read the keyring, should it come to lead.
    ///
    /// # Errors
    /// The replica has the wrong wrapping key, or none.
    pub async fn check(&mut self) -> Result<(), KeysError> {
        let checked = check(&self.client, &self.source).await;
        if let Err(error) = &checked {
            self.teller.tell(Trouble::Unavailable(error)).await;
        }
        checked
    }

    /// The keyring. Asks for as long as the API server does not tell whether it is there.
    pub async fn find(&mut self, stop: &CancellationToken) -> Found {
        loop {
            match self.load().await {
                Ok(keyring) => return Found::Keyring(keyring),
                Err(error) => {
                    self.teller.tell(Trouble::Unavailable(&error)).await;
                    if !error.is_passing() {
                        return Found::Lost;
                    }
                }
            }
            if pause(LOST, stop).await.is_none() {
                return Found::Stopped;
            }
        }
    }

    /// Waits until there is another keyring than this one, or one at all; none when told to
    /// stop. Meanwhile it is told when the one in use is lost, and an altered ConfigMap of
    /// the sealing key is put right.
    pub async fn another(
        &mut self,
        than: Option<&[KeyInfo]>,
        stop: &CancellationToken,
    ) -> Option<Keyring> {
        loop {
            pause(if than.is_some() { IN_USE } else { LOST }, stop).await?;
            match self.load().await {
                Ok(keyring) if than.is_some_and(|than| keyring.keys().eq(than.iter().copied())) => {
                }
                Ok(keyring) => {
                    let lost = than.into_iter().flatten().find(|key| !keyring.has(key.id));
                    if let Some(lost) = lost {
                        self.teller.tell(Trouble::Older(lost.id)).await;
                    }
                    return Some(keyring);
                }
                Err(error) if error.is_passing() => {}
                Err(error) => self.teller.tell(Trouble::Unavailable(&error)).await,
            }
        }
    }

    async fn load(&mut self) -> Result<Keyring, KeysError> {
        let keyring = load_or_create(&self.client, &self.source, clock::now()).await?;
        let published = publish_sealing_key(&self.client, self.source.namespace, &keyring).await?;
        match published {
            Published::InPlaceOf(lost) => self.teller.tell(Trouble::Older(lost)).await,
            Published::Before | Published::Now => self.teller.all_is_well(),
        }
        Ok(keyring)
    }
}

/// Some time; none when told to stop meanwhile.
async fn pause(wait: Duration, stop: &CancellationToken) -> Option<()> {
    tokio::select! {
        () = tokio::time::sleep(entropy::jittered(wait)) => Some(()),
        () = stop.cancelled() => None,
    }
}
