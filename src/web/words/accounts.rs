//! The accounts.

pub(crate) struct Accounts {
    pub(crate) title: &'static str,
}

pub(crate) const EN: Accounts = Accounts { title: "Accounts" };

pub(crate) const SV: Accounts = Accounts { title: "Konton" };
