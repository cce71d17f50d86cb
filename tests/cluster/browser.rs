//! The tests in a browser can fail: whatever no page may do is seen when one does it.

use serde_json::json;

use crate::harness::{Tls, journey};

#[tokio::test]
async fn whatever_way_a_value_leaves_a_page_or_a_page_breaks_a_rule_it_is_seen() {
    journey("self-test", &json!({ "tls": Tls::new().to_json() })).await;
}
