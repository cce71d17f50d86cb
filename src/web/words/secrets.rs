//! The secrets of an account.

pub(crate) struct Secrets {
    pub(crate) title: &'static str,
    pub(crate) name: &'static str,
    pub(crate) value: &'static str,
    pub(crate) updated: &'static str,
}

pub(crate) const EN: Secrets =
    Secrets { title: "Secrets", name: "Name", value: "Value", updated: "Updated" };

pub(crate) const SV: Secrets =
    Secrets { title: "Hemligheter", name: "Namn", value: "Värde", updated: "Uppdaterad" };
