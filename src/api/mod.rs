//! The words of the product: its kinds, every name it uses in a cluster, and the
//! one gate ([`Intent`]) through which a spec is understood.
//!
//! The CRDs in `crds/` and in the chart are generated from here by `make gen`.
//! To add a field: add it to the kind's file with its doc and limits, run
//! `make gen`, and say in `intent.rs` what it means.

pub mod condition;
pub mod crds;
mod dns;
mod fits;
mod intent;
mod klivaccount;
mod klivauditevent;
mod klivsecret;
pub mod names;
mod odd;
mod purpose;
mod recognise;
pub mod refused_call;
mod stamps;
pub mod text;
pub mod warning;
mod warning_read;

pub use dns::{is_dns_label, is_dns_subdomain};
pub use fits::fits;
pub(crate) use fits::{ANYWHERE, BELONGS, OTHERS};
pub use intent::{
    Intent, Refusal, Source, Wrong, cel_not_reserved, check_env_var, check_environment,
    is_well_formed, object_name,
};
pub(crate) use intent::{RESERVED, RESERVED_PREFIXES};
pub use klivaccount::{
    AuditRecord, ChainLink, FunctionReport, KlivAccount, KlivAccountSpec, KlivAccountStatus,
    KnownSecret, NotUpdated, PublishedSet, RefusedBefore, SupersededSet,
};
pub use klivauditevent::{AuditAction, KlivAuditEvent, KlivAuditEventSpec};
pub use klivsecret::{
    AboutValue, Alphabet, Generate, HistoryEntry, KlivSecret, KlivSecretSpec, KlivSecretStatus,
    Question, Warning, WriteOnly,
};
pub use odd::Odd;
pub use purpose::Purpose;
pub(crate) use purpose::{NOT_WORDS, PRODUCTION_WORDS, TEST_WORDS};
pub(crate) use recognise::recognisable;
pub use recognise::{Mode, Recognised, recognise};
pub(crate) use recognise::{Rest, Row as CredentialRow, TABLE as CREDENTIALS};
pub use stamps::{Stamp, Stamps, What};
