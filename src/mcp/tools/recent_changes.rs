//! `recent_changes`.
