//! The admin web page: what people do with an account's secrets, in a browser.
//!
//! ```text
//!  browser ──► guard ──► session ──► limits ──► pages ──► account (as the person) ──► API server
//!     │  Host, Origin   who asks                  │
//!     │                                           └─► templates + words (sv, en) ──► HTML
//!     └─ script: seals values with the public key before anything is sent; watches `events`
//! ```
//!
//! One router, two front ends: in the cluster ([`Door::Cluster`]) people sign in and the
//! server acts as them by constrained impersonation; on a person's own machine
//! ([`Door::Local`], `kubectl kliv ui`) it acts as the kubeconfig's user. RBAC decides
//! everything.
//!
//! No route takes a value: what a form carries is sealed already, and nothing here can open
//! it. All text of objects is hostile: templates escape it, scripts set it as text only.
//!
//! Every page is made by the server alone. What changes while somebody looks is fetched anew
//! as the same page, and the parts with `data-live` are swapped.
//!
//! To add a page: a file in `pages`, a template, its words in both languages (a missing one
//! does not compile), and a route in `serve`.

mod assets;
mod form;
mod frame;
mod gate;
mod guard;
mod headers;
mod limits;
mod live;
mod pages;
mod powers;
pub mod rules;
mod serve;
mod session;
mod shown;
mod signin;
mod site;
mod visit;
mod words;

pub use gate::{Entrance, Gate};
pub use powers::{Power, powers};
pub use serve::router;
pub use session::{BadCookieKey, CookieKey};
pub use signin::{BadOidc, Link, LinkToken, Oidc, OidcSettings};
pub use site::{Door, Site};
