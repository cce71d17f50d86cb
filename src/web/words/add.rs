//! Adding a secret.

pub(crate) struct Add {
    pub(crate) title: &'static str,
    pub(crate) source: &'static str,
    pub(crate) typed: &'static str,
    pub(crate) generate: &'static str,
    pub(crate) generate_hint: &'static str,
    pub(crate) length: &'static str,
    pub(crate) length_hint: &'static str,
    pub(crate) alphabet: &'static str,
    pub(crate) alphanumeric: &'static str,
    pub(crate) hex: &'static str,
    pub(crate) base64url: &'static str,
    pub(crate) no_script: &'static str,
    pub(crate) save: &'static str,
    pub(crate) update_it: &'static str,
    pub(crate) may_not: &'static str,
}

pub(crate) const EN: Add = Add {
    title: "Add a secret",
    source: "Where the value comes from",
    typed: "I have it",
    generate: "Let the cluster make a random one",
    generate_hint: "For what only has to be hard to guess, e.g. a webhook signing secret of your \
                    own. Nobody ever sees it but your functions.",
    length: "Length",
    length_hint: "Characters, from 16 to 512. Left empty: 32.",
    alphabet: "Characters",
    alphanumeric: "letters and digits",
    hex: "0–9 and a–f",
    base64url: "letters, digits, - and _",
    no_script: "A value is sealed in the browser, and that needs JavaScript, which is off here. \
                Without it you can let the cluster make a value, or use kubectl kliv set.",
    save: "Save",
    update_it: "Update that one",
    may_not: "You may look at this account, but not add secrets to it. Whoever administers it can \
              give you the ClusterRole kliv-secrets-editor.",
};

pub(crate) const SV: Add = Add {
    title: "Lägg till en hemlighet",
    source: "Var värdet kommer ifrån",
    typed: "Jag har det",
    generate: "Låt klustret slumpa fram ett",
    generate_hint: "För sådant som bara ska vara svårt att gissa, till exempel en egen nyckel för \
                    att signera webhookar. Ingen annan än dina funktioner får någonsin se det.",
    length: "Längd",
    length_hint: "Antal tecken, från 16 till 512. Tomt fält: 32.",
    alphabet: "Tecken",
    alphanumeric: "bokstäver och siffror",
    hex: "0–9 och a–f",
    base64url: "bokstäver, siffror, - och _",
    no_script: "Värdet förseglas i webbläsaren, och det kräver JavaScript, som är avstängt här. \
                Utan JavaScript kan du låta klustret slumpa fram ett värde, eller använda kubectl \
                kliv set.",
    save: "Spara",
    update_it: "Uppdatera den i stället",
    may_not: "Du får titta på kontot men inte lägga till hemligheter. Den som förvaltar kontot kan \
              ge dig ClusterRole kliv-secrets-editor.",
};
