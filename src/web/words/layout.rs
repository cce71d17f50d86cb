//! What stands around every page.

use super::Done;

pub(crate) struct Layout {
    pub(crate) skip: &'static str,
    pub(crate) accounts: &'static str,
    pub(crate) secrets: &'static str,
    pub(crate) import: &'static str,
    pub(crate) environments: &'static str,
    pub(crate) audit: &'static str,
    pub(crate) requests: &'static str,
    pub(crate) health: &'static str,
    pub(crate) account: &'static str,
    pub(crate) signed_in: &'static str,
    pub(crate) sign_out: &'static str,
    pub(crate) own_machine: &'static str,
    pub(crate) language: &'static str,
    pub(crate) sections: &'static str,
    created: &'static str,
    updated: &'static str,
    purged: &'static str,
    described: &'static str,
    rolled_back: &'static str,
    deleted: &'static str,
    imported: &'static str,
    answered: &'static str,
    refused: &'static str,
    kept: &'static str,
}

impl Layout {
    /// What was done, in words.
    pub(crate) fn done(&self, done: &Done) -> &'static str {
        match done {
            Done::Created => self.created,
            Done::Updated => self.updated,
            Done::Purged => self.purged,
            Done::Described => self.described,
            Done::RolledBack => self.rolled_back,
            Done::Deleted => self.deleted,
            Done::Imported => self.imported,
            Done::Answered => self.answered,
            Done::Refused => self.refused,
            Done::Kept => self.kept,
        }
    }
}

pub(crate) const EN: Layout = Layout {
    skip: "To the content",
    accounts: "Accounts",
    secrets: "Secrets",
    import: "Import",
    environments: "Environments",
    audit: "Audit trail",
    requests: "Requests",
    health: "Health",
    account: "Account",
    signed_in: "Signed in as",
    sign_out: "Sign out",
    own_machine: "on your own machine",
    language: "Språk: svenska",
    sections: "Parts of the account",
    created: "The secret was created. Its value can't be shown again.",
    updated: "The new value was taken in. It can't be shown again.",
    purged: "The new value was taken in. All former values are being purged, and are refused from then on.",
    described: "Saved. The value is as it was.",
    rolled_back: "The former value comes back.",
    deleted: "The secret was deleted.",
    imported: "The secrets were imported. Their values can't be shown again.",
    answered: "The request was answered. The value can't be shown again.",
    refused: "The request was refused.",
    kept: "The secret stays as it was: the proposal to delete it is gone.",
};

pub(crate) const SV: Layout = Layout {
    skip: "Till innehållet",
    accounts: "Konton",
    secrets: "Hemligheter",
    import: "Importera",
    environments: "Miljöer",
    audit: "Granskningslogg",
    requests: "Förfrågningar",
    health: "Hälsa",
    account: "Konto",
    signed_in: "Inloggad som",
    sign_out: "Logga ut",
    own_machine: "på din egen dator",
    language: "Language: English",
    sections: "Kontots delar",
    created: "Hemligheten skapades. Värdet kan inte visas igen.",
    updated: "Det nya värdet togs emot. Det kan inte visas igen.",
    purged: "Det nya värdet togs emot. Alla tidigare värden rensas nu bort och godtas sedan aldrig mer.",
    described: "Sparat. Värdet är oförändrat.",
    rolled_back: "Det tidigare värdet återställs.",
    deleted: "Hemligheten togs bort.",
    imported: "Hemligheterna importerades. Deras värden kan inte visas igen.",
    answered: "Förfrågan besvarades. Värdet kan inte visas igen.",
    refused: "Förfrågan avslogs.",
    kept: "Hemligheten är som den var: förslaget att ta bort den är borta.",
};
