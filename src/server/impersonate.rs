#![expect(clippy::disallowed_types, reason = "makes a client that speaks as somebody")]
//! A client that speaks as somebody.
//!
//! It sends the server's own credential and, in headers, as whom it asks. The API server
//! looks whether the server may do that (constrained impersonation, Kubernetes 1.36: as
//! anybody, but nothing but what our role names), then whether he may do it himself.

use http::Request;
use kube::Client;
use kube::client::Body;

use super::person::{Person, Unfit};

/// A client that speaks as somebody over the connections of the one given.
///
/// # Errors
/// The server may not speak as him.
pub fn speaking_as(client: &Client, person: &Person) -> Result<Client, Unfit> {
    let (own, headers) = (client.clone(), person.headers()?);
    let service = tower::service_fn(move |mut request: Request<Body>| {
        let own = own.clone();
        // Takes the place of any of these names.
        request.headers_mut().extend(headers.clone());
        async move { own.send(request).await }
    });
    Ok(Client::new(service, client.default_namespace()))
}
