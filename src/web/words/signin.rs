//! Signing in, and why somebody is not.

use super::super::signin::NotIn;

pub(crate) struct SignIn {
    pub(crate) title: &'static str,
    pub(crate) by_provider: &'static str,
    pub(crate) or_token: &'static str,
    pub(crate) token: &'static str,
    pub(crate) token_hint: &'static str,
    pub(crate) by_token: &'static str,
    pub(crate) local: &'static str,
    pub(crate) onward_title: &'static str,
    pub(crate) onward_ask: &'static str,
    pub(crate) onward: &'static str,
    no_token: &'static str,
    unknown: &'static str,
    unfit: &'static str,
    not_allowed: &'static str,
    powerful: &'static str,
    unanswered: &'static str,
    too_many_groups: &'static str,
    stale: &'static str,
    declined: &'static str,
    provider: &'static str,
    forged: &'static str,
    bad_link: &'static str,
}

impl SignIn {
    /// Why somebody is not signed in, with the way out.
    pub(crate) fn why(&self, not_in: NotIn) -> &'static str {
        match not_in {
            NotIn::NoToken => self.no_token,
            NotIn::Unknown => self.unknown,
            NotIn::Unfit => self.unfit,
            NotIn::NotAllowed => self.not_allowed,
            NotIn::Powerful => self.powerful,
            NotIn::Unanswered => self.unanswered,
            NotIn::TooManyGroups => self.too_many_groups,
            NotIn::Stale => self.stale,
            NotIn::Declined => self.declined,
            NotIn::Provider => self.provider,
            NotIn::Forged => self.forged,
            NotIn::BadLink => self.bad_link,
        }
    }
}

pub(crate) const EN: SignIn = SignIn {
    title: "Sign in",
    by_provider: "Sign in with your organisation's account",
    or_token: "Or with a token",
    token: "Token",
    token_hint: "It is looked at once and not kept. Best is one that is good for this page alone:",
    by_token: "Sign in",
    local: "The link that kubectl kliv ui printed signs you in, once. Was it used already? End \
            kubectl kliv ui with Ctrl-C and start it again.",
    onward_title: "You are signed in",
    onward_ask: "Another page sent you here",
    onward: "Go on",
    no_token: "That is no token. Paste the whole of it, on one line.",
    unknown: "The cluster does not know you by that. It may have expired, or be for another \
              cluster.",
    unfit: "Nobody can act through this page under that name or in those groups: it is part of \
            Kubernetes itself, or has signs that can't be passed on.",
    not_allowed: "This page may not act for you. Whoever installed it can change that.",
    powerful: "This token could do more than this page is for: read Secrets, run or enter pods, \
               or act as others. Take one that is good for this page alone, or kubectl kliv ui \
               on your own machine. It was not kept.",
    unanswered: "The cluster does not answer. Try again in a moment.",
    too_many_groups: "You are in more groups than a cookie holds. Whoever looks after the \
                      identity provider can have it name fewer of them to this page.",
    stale: "This sign-in was not begun in this browser, took too long, or was used already. \
            Sign in again.",
    declined: "The identity provider did not sign you in. Try again.",
    provider: "The identity provider does not answer as it should. Try again in a moment.",
    forged: "What the identity provider says of you can't be verified. You were not signed in.",
    bad_link: "That link was used already, or is not the one that kubectl kliv ui printed.",
};

pub(crate) const SV: SignIn = SignIn {
    title: "Logga in",
    by_provider: "Logga in med ditt konto i organisationen",
    or_token: "Eller med en token",
    token: "Token",
    token_hint: "Den läses en gång och sparas inte. Bäst är en som bara gäller för den här sidan:",
    by_token: "Logga in",
    local: "Länken som kubectl kliv ui skrev ut loggar in dig, en gång. Är den redan använd? \
            Avsluta kubectl kliv ui med Ctrl-C och starta det igen.",
    onward_title: "Du är inloggad",
    onward_ask: "En annan sida skickade dig hit",
    onward: "Fortsätt",
    no_token: "Det är ingen token. Klistra in hela, på en rad.",
    unknown: "Klustret känner inte igen dig på det. Giltighetstiden kan ha gått ut, eller så \
              gäller den för ett annat kluster.",
    unfit: "Ingen kan använda sidan under det namnet eller i de grupperna: det hör till \
            Kubernetes självt, eller har tecken som inte kan föras vidare.",
    not_allowed: "Sidan får inte handla åt dig. Den som installerade den kan ändra det.",
    powerful: "Den här token kan göra mer än sidan är till för: läsa Secrets, köra eller gå in i \
               poddar, eller handla som andra. Ta en som bara gäller för den här sidan, eller \
               kubectl kliv ui på din egen dator. Den sparades inte.",
    unanswered: "Klustret svarar inte. Försök igen om en stund.",
    too_many_groups: "Du är med i fler grupper än vad som ryms i en kaka. Den som sköter \
                      identitetstjänsten kan låta den nämna färre av dem för sidan.",
    stale: "Inloggningen påbörjades inte i den här webbläsaren, tog för lång tid eller är redan \
            använd. Logga in igen.",
    declined: "Identitetstjänsten loggade inte in dig. Försök igen.",
    provider: "Identitetstjänsten svarar inte som den ska. Försök igen om en stund.",
    forged: "Det som identitetstjänsten säger om dig kan inte bekräftas. Du har inte loggats in.",
    bad_link: "Länken är redan använd, eller är inte den som kubectl kliv ui skrev ut.",
};
