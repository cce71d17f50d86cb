#![expect(clippy::disallowed_types, reason = "asks the API server, as the server itself")]
//! Whose token it is. The cluster's own authentication decides, also for the ID token of an
//! OpenID Connect provider: name and groups are those that the person has with kubectl.

use k8s_openapi::api::authentication::v1::{
    SelfSubjectReview, TokenReview, TokenReviewSpec, UserInfo,
};
use kube::api::{Api, PostParams};
use kube::{Client, Error};
use zeroize::{Zeroize as _, Zeroizing};

use super::impersonate::speaking_as;
use super::person::{Person, Unfit};
use crate::api::names::WEB_AUDIENCE;
use crate::runtime::client::plain;

/// Longer than any token that an API server takes in a header.
const LONGEST: usize = 16 * 1024;

/// Whose token it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    /// His, as the API server says.
    pub person: Person,
    /// It is good for the web server alone: no API server takes it.
    pub own_audience: bool,
}

/// Why a token is not taken. Words that quote neither token nor person.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unknown {
    /// Nobody's, or not any more.
    #[error("the API server does not know this token")]
    Token,
    /// It was issued for somebody else than this server.
    #[error("this token was issued for somebody else")]
    Elsewhere,
    /// It is good for this server, and for the API server as well.
    #[error("this token is good for the API server, too")]
    Powerful,
    /// It is over, or not good yet.
    #[error("this token is over, or not good yet")]
    Over,
    /// Somebody for whom nothing can be done here.
    #[error("can't act as whoever signs in: {0}")]
    Person(#[from] Unfit),
    /// The server lacks the right to speak as him, or the API server takes it as
    /// speaking as somebody else.
    #[error("the server may not act as whoever signs in: {0}")]
    NotAllowed(String),
    /// There is no answer.
    #[error("can't ask the API server whose token this is: {0}")]
    Unanswered(String),
    /// The issuer's keys can't be had.
    #[error("can't have the keys of the token's issuer")]
    NoKeys,
}

/// Whose token it is, and that the web server may speak as him. The token is wiped from
/// memory that is ours to wipe.
///
/// # Errors
/// It is nobody's; the server may not speak as him; the API server does not answer.
pub async fn whose(client: &Client, token: Zeroizing<String>) -> Result<Known, Unknown> {
    if !could_be_one(&token) {
        return Err(Unknown::Token);
    }
    let known = match reviewed(client, &token, &[WEB_AUDIENCE.to_owned()]).await? {
        Some(user) => Some((user, true)),
        None => reviewed(client, &token, &[]).await?.map(|user| (user, false)),
    };
    drop(token);
    let (user, own_audience) = known.ok_or(Unknown::Token)?;
    let person = Person::new(user)?;
    is_heard(client, &person).await?;
    Ok(Known { person, own_audience })
}

/// Whose token it is that is good for one of these audiences, and not for the API server; and
/// that the server may speak as him. The token is wiped as above.
///
/// # Errors
/// As above; or it is good for more or for something else.
pub async fn whose_for(
    client: &Client,
    token: Zeroizing<String>,
    audiences: &[String],
) -> Result<Person, Unknown> {
    if !could_be_one(&token) {
        return Err(Unknown::Token);
    }
    // Most that are not good for us are made up: those cost one question.
    let user = reviewed(client, &token, audiences).await?.ok_or(Unknown::Token)?;
    let is_powerful = reviewed(client, &token, &[]).await?.is_some();
    drop(token);
    if is_powerful {
        return Err(Unknown::Powerful);
    }
    let person = Person::new(user)?;
    is_heard(client, &person).await?;
    Ok(person)
}

/// Whether it is text as tokens are, and not too long.
pub(crate) fn could_be_one(token: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_graphic();
    !token.is_empty() && token.len() <= LONGEST && token.bytes().all(legal)
}

/// Who it is, where the token is good for one of these audiences; with none, for the API
/// server.
async fn reviewed(
    client: &Client,
    token: &str,
    audiences: &[String],
) -> Result<Option<UserInfo>, Unknown> {
    let reviews: Api<TokenReview> = Api::all(client.clone());
    let asked = (!audiences.is_empty()).then(|| audiences.to_vec());
    let spec = TokenReviewSpec { audiences: asked, token: token.to_owned() };
    let mut review = TokenReview { spec, ..TokenReview::default() };
    let answer = reviews.create(&PostParams::default(), &review).await;
    review.spec.token.zeroize();
    let mut answer = answer.map_err(|error| Unknown::Unanswered(plain(&error)))?;
    // An answer repeats what was asked.
    answer.spec.token.zeroize();
    let status = answer.status.unwrap_or_default();
    // An authenticator that knows no audiences leaves them out: then it is for the API server.
    let mut heard = status.audiences.iter().flatten();
    let heard = audiences.is_empty() || heard.any(|audience| audiences.contains(audience));
    let good = status.authenticated == Some(true) && heard;
    Ok(status.user.filter(|_| good))
}

/// That the API server, asked as him, answers as it would to himself.
pub(crate) async fn is_heard(client: &Client, person: &Person) -> Result<(), Unknown> {
    let reviews: Api<SelfSubjectReview> = Api::all(speaking_as(client, person)?);
    match reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await {
        Ok(answer) => {
            let seen = answer.status.and_then(|status| status.user_info).unwrap_or_default();
            let same = person.is_seen_as(&seen);
            same.then_some(()).ok_or_else(|| {
                Unknown::NotAllowed("the API server sees somebody else in it".to_owned())
            })
        }
        Err(Error::Api(status)) if status.code == 403 => {
            Err(Unknown::NotAllowed(plain(&Error::Api(status))))
        }
        Err(error) => Err(Unknown::Unanswered(plain(&error))),
    }
}
