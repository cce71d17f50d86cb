//! Swedish and English. One struct a page, filled twice: a missing text does not compile,
//! which no library for translations does as well.

pub(super) mod accounts;
pub(super) mod add;
pub(super) mod audit;
pub(super) mod delete;
pub(super) mod environments;
pub(super) mod fields;
pub(super) mod health;
pub(super) mod import;
pub(super) mod kinds;
pub(super) mod layout;
pub(super) mod problem;
pub(super) mod requests;
pub(super) mod secret;
pub(super) mod secrets;
pub(super) mod signin;
pub(super) mod state;
pub(super) mod time;
pub(super) mod typing;
pub(super) mod update;
pub(super) mod warning;

/// A language of the page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Language {
    English,
    Swedish,
}

/// All texts in one language.
pub(super) struct Words {
    pub(super) language: Language,
    pub(super) layout: layout::Layout,
    pub(super) problem: problem::Problems,
    pub(super) signin: signin::SignIn,
    pub(super) accounts: accounts::Accounts,
    pub(super) environments: environments::Environments,
    pub(super) secrets: secrets::Secrets,
    pub(super) import: import::Import,
    pub(super) typing: typing::Typing,
    pub(super) secret: secret::Secret,
    pub(super) delete: delete::Delete,
    pub(super) audit: audit::Audit,
    pub(super) health: health::Health,
    pub(super) fields: fields::Fields,
    pub(super) add: add::Add,
    pub(super) update: update::Update,
    pub(super) requests: requests::Requests,
}

static ENGLISH: Words = Words {
    language: Language::English,
    layout: layout::EN,
    problem: problem::EN,
    signin: signin::EN,
    accounts: accounts::EN,
    environments: environments::EN,
    secrets: secrets::EN,
    import: import::EN,
    typing: typing::EN,
    secret: secret::EN,
    delete: delete::EN,
    audit: audit::EN,
    health: health::EN,
    fields: fields::EN,
    add: add::EN,
    update: update::EN,
    requests: requests::EN,
};

static SWEDISH: Words = Words {
    language: Language::Swedish,
    layout: layout::SV,
    problem: problem::SV,
    signin: signin::SV,
    accounts: accounts::SV,
    environments: environments::SV,
    secrets: secrets::SV,
    import: import::SV,
    typing: typing::SV,
    secret: secret::SV,
    delete: delete::SV,
    audit: audit::SV,
    health: health::SV,
    fields: fields::SV,
    add: add::SV,
    update: update::SV,
    requests: requests::SV,
};

impl Language {
    /// Its texts.
    pub(super) fn words(self) -> &'static Words {
        match self {
            Self::English => &ENGLISH,
            Self::Swedish => &SWEDISH,
        }
    }

    /// Of a text in English and in Swedish, the one in this language.
    pub(super) fn of<T>(self, english: T, swedish: T) -> T {
        match self {
            Self::English => english,
            Self::Swedish => swedish,
        }
    }

    /// The one to switch to.
    pub(super) fn other(self) -> Self {
        self.of(Self::Swedish, Self::English)
    }

    /// Its tag (BCP 47).
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Swedish => "sv",
        }
    }

    /// A language by its tag.
    pub(super) fn parse(tag: &str) -> Option<Self> {
        [Self::English, Self::Swedish].into_iter().find(|language| language.tag() == tag)
    }

    /// The first of ours that a browser asks for (`Accept-Language`, RFC 9110); English
    /// where it asks for none.
    pub(super) fn accepted(header: &str) -> Self {
        let wanted = header.split(',').filter_map(|part| {
            let (tag, weight) = part.split_once(";q=").unwrap_or((part, "1"));
            let language = Self::parse(tag.trim().split('-').next()?)?;
            let weight = weight.trim().parse::<f32>().ok().filter(|weight| *weight > 0.0)?;
            Some((language, weight))
        });
        let best = wanted.reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map_or(Self::English, |(language, _)| language)
    }
}

/// What was done just now. Its code stands in the address, so there is a closed set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Done {
    Created,
    Updated,
    Purged,
    Described,
    RolledBack,
    Deleted,
    Imported,
    Answered,
    Refused,
    Kept,
}

impl Done {
    const ALL: [(&'static str, Self); 10] = [
        ("created", Self::Created),
        ("updated", Self::Updated),
        ("purged", Self::Purged),
        ("described", Self::Described),
        ("rolled-back", Self::RolledBack),
        ("deleted", Self::Deleted),
        ("imported", Self::Imported),
        ("answered", Self::Answered),
        ("refused", Self::Refused),
        ("kept", Self::Kept),
    ];

    /// As it stands in an address.
    pub(super) fn code(self) -> &'static str {
        Self::ALL.iter().find(|(_, done)| *done == self).map_or("", |(code, _)| code)
    }

    pub(super) fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == code).map(|(_, done)| *done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browser_s_first_language_of_ours_is_taken() {
        for (header, wanted) in [
            ("", Language::English),
            ("sv", Language::Swedish),
            ("sv-SE,sv;q=0.9,en;q=0.8", Language::Swedish),
            ("de,en;q=0.5,sv;q=0.7", Language::Swedish),
            ("en;q=0.3,sv;q=0", Language::English),
            ("nonsense;;;q=,,", Language::English),
        ] {
            assert_eq!(Language::accepted(header), wanted, "{header}");
        }
    }

    #[test]
    fn what_was_done_has_a_code_of_its_own() {
        for (code, done) in Done::ALL {
            assert_eq!((Done::parse(code), done.code()), (Some(done), code));
        }
        assert_eq!(Done::parse("<script>"), None);
    }
}
