//! `check_requirements`.
