//! What a library says of a request that it can't take may quote its headers and its names, so
//! it is said anew.

use axum::Json;
use axum::body::to_bytes;
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use rmcp::model::ErrorCode;
use serde_json::{Value, json};

use super::limits;

/// What a library says of a request that it can't take, in words that are ours.
pub(super) async fn in_our_words(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_json = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    if is_json {
        return error_in_our_words(response).await;
    }
    let words = match status {
        StatusCode::NOT_ACCEPTABLE => {
            "Accept has to name both application/json and text/event-stream.\n"
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "Send one JSON-RPC message as application/json.\n",
        StatusCode::PAYLOAD_TOO_LARGE => "The message is too large.\n",
        status if status.is_client_error() => {
            "The request is not as the Model Context Protocol has it, in a revision that this \
             server speaks: 2025-11-25 or 2026-07-28.\n"
        }
        _ => "Something went wrong here.\n",
    };
    (status, words).into_response()
}

/// An error of the protocol: its code stays, since clients go by it, and which revisions are
/// spoken here.
async fn error_in_our_words(response: Response) -> Response {
    let status = response.status();
    let said = to_bytes(response.into_body(), limits::ANSWERED).await.unwrap_or_default();
    let said: Value = serde_json::from_slice(&said).unwrap_or_default();
    let error = &said["error"];
    let code = error["code"].as_i64().and_then(|code| i32::try_from(code).ok());
    let code = code.map_or(ErrorCode::INTERNAL_ERROR, ErrorCode);
    let words = match code {
        ErrorCode::HEADER_MISMATCH => {
            "a header is missing, or does not say the same as the message"
        }
        ErrorCode::UNSUPPORTED_PROTOCOL_VERSION => {
            "this server speaks the revisions 2025-11-25 and 2026-07-28"
        }
        ErrorCode::METHOD_NOT_FOUND => "there is no such method",
        ErrorCode::INVALID_PARAMS => "params, or their _meta, are not as the protocol has them",
        ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY => "the client lacks what this takes",
        _ => "the request is not as the protocol has it",
    };
    let mut anew = json!({ "code": code.0, "message": words });
    if let Some(supported) = error["data"].get("supported") {
        anew["data"] = json!({ "supported": supported });
    }
    let answer = json!({ "jsonrpc": "2.0", "id": said["id"], "error": anew });
    (status, Json(answer)).into_response()
}
