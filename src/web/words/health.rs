//! Whether the install works.

use super::super::words::Language;
use crate::doctor::{Object, Place, Policy, Right, Trouble};

pub(crate) struct Health {
    pub(crate) title: &'static str,
    pub(crate) intro: &'static str,
    pub(crate) all_well: &'static str,
    pub(crate) well_as_far: &'static str,
    pub(crate) errors: fn(usize) -> String,
    pub(crate) facts: &'static str,
    pub(crate) webhook: &'static str,
    pub(crate) certificate: &'static str,
    pub(crate) leader: &'static str,
    pub(crate) controller: &'static str,
    pub(crate) key: &'static str,
    pub(crate) trial: &'static str,
    pub(crate) policies: &'static str,
    pub(crate) kinds: &'static str,
    pub(crate) versions: &'static str,
    pub(crate) encryption: &'static str,
    pub(crate) log: &'static str,
    pub(crate) unseen: &'static str,
    pub(crate) not_there: &'static str,
    pub(crate) ready: fn(i32, i32) -> String,
    pub(crate) served: fn(i64) -> String,
    pub(crate) trusted: fn(i64) -> String,
    pub(crate) not_good: &'static str,
    pub(crate) leads: &'static str,
    pub(crate) nobody_leads: &'static str,
    pub(crate) sealed: &'static str,
    pub(crate) not_sealed: &'static str,
    pub(crate) act: fn(usize, usize) -> String,
    pub(crate) are_served: fn(usize, usize) -> String,
    pub(crate) encrypted: &'static str,
    pub(crate) not_encrypted: &'static str,
    pub(crate) no_content: &'static str,
    pub(crate) content: &'static str,
    pub(crate) operator: &'static str,
    pub(crate) this_page: &'static str,
    pub(crate) findings: &'static str,
    pub(crate) error: &'static str,
    pub(crate) advice: &'static str,
    pub(crate) not_seen: &'static str,
    pub(crate) beyond: &'static str,
    pub(crate) not_seen_hint: &'static str,
    pub(crate) all_of_it: &'static str,
    pub(crate) way_out: &'static str,
    pub(crate) account: &'static str,
    pub(crate) account_hint: &'static str,
    pub(crate) look: &'static str,
    pub(crate) no_account: &'static str,
    pub(crate) bad_account: &'static str,
}

pub(crate) const EN: Health = Health {
    title: "Health",
    intro: "Does kliv-secrets work in this cluster? Looked at with your rights; nothing is stored: \
            a secret with a made-up value is tried as a dry run.",
    all_well: "All is well.",
    well_as_far: "All is well, as far as you can see.",
    errors: |errors| match errors {
        1 => "1 thing does not work.".to_owned(),
        errors => format!("{errors} things do not work."),
    },
    facts: "Facts",
    webhook: "Webhook",
    certificate: "Webhook's certificate",
    leader: "Leader",
    controller: "Controller",
    key: "Sealing key",
    trial: "Trial write",
    policies: "Admission policies",
    kinds: "Kinds",
    versions: "Versions",
    encryption: "Encryption at rest",
    log: "API server's audit log",
    unseen: "can't be seen by you",
    not_there: "is not there",
    ready: |ready, wanted| format!("{ready} of {wanted} replicas ready"),
    served: |days| match days {
        1 => "good for 1 more day".to_owned(),
        days => format!("good for {days} more days"),
    },
    trusted: |days| match days {
        1 => "trusted for 1 more day".to_owned(),
        days => format!("trusted for {days} more days"),
    },
    not_good: "has ended, or there is none",
    leads: "a controller leads",
    nobody_leads: "no controller leads",
    sealed: "a made-up value came back sealed",
    not_sealed: "failed",
    act: |some, all| format!("{some} of {all} act"),
    are_served: |some, all| format!("{some} of {all} are served"),
    encrypted: "Secrets are encrypted in etcd",
    not_encrypted: "nothing shows it",
    no_content: "has no content of requests",
    content: "has the content of some requests",
    operator: "operator",
    this_page: "this page",
    findings: "Findings",
    error: "error",
    advice: "advice",
    not_seen: "not seen",
    beyond: "Beyond your rights",
    not_seen_hint: "What your rights do not show or allow. An administrator of the cluster sees \
                    more.",
    all_of_it: "All of it",
    way_out: "Way out:",
    account: "Account",
    account_hint: "the namespace in which a write is tried",
    look: "Look again",
    no_account: "Name an account to try a write there.",
    bad_account: "That is no account: give a namespace, and not the operator's own.",
};

pub(crate) const SV: Health = Health {
    title: "Hälsa",
    intro: "Fungerar kliv-secrets i det här klustret? Det som visas är vad dina rättigheter \
            räcker till. Ingenting lagras: en hemlighet med ett påhittat värde provas utan att \
            sparas.",
    all_well: "Allt är som det ska.",
    well_as_far: "Allt är som det ska, så långt du kan se.",
    errors: |errors| match errors {
        1 => "1 sak fungerar inte.".to_owned(),
        errors => format!("{errors} saker fungerar inte."),
    },
    facts: "Uppgifter",
    webhook: "Webhook",
    certificate: "Webhookens certifikat",
    leader: "Ledare",
    controller: "Controller",
    key: "Förseglingsnyckel",
    trial: "Skrivtest",
    policies: "Admission-policyer",
    kinds: "Objekttyper",
    versions: "Versioner",
    encryption: "Kryptering av lagrade Secrets",
    log: "API-serverns granskningslogg",
    unseen: "kan du inte se",
    not_there: "finns inte",
    ready: |ready, wanted| format!("{ready} av {wanted} repliker är redo"),
    served: |days| match days {
        1 => "gäller 1 dag till".to_owned(),
        days => format!("gäller {days} dagar till"),
    },
    trusted: |days| match days {
        1 => "betrott 1 dag till".to_owned(),
        days => format!("betrott {days} dagar till"),
    },
    not_good: "har gått ut, eller saknas",
    leads: "en controller leder",
    nobody_leads: "ingen controller leder",
    sealed: "ett påhittat värde kom tillbaka förseglat",
    not_sealed: "misslyckades",
    act: |some, all| format!("{some} av {all} är i kraft"),
    are_served: |some, all| format!("{some} av {all} går att använda"),
    encrypted: "Secrets är krypterade i etcd",
    not_encrypted: "inget tyder på det",
    no_content: "har inget innehåll från anrop",
    content: "har innehållet i vissa anrop",
    operator: "operatorn",
    this_page: "den här sidan",
    findings: "Iakttagelser",
    error: "fel",
    advice: "råd",
    not_seen: "syns inte",
    beyond: "Utanför dina rättigheter",
    not_seen_hint: "Det som dina rättigheter inte visar eller tillåter. Den som förvaltar klustret \
                    ser mer.",
    all_of_it: "Allt",
    way_out: "Gör så här:",
    account: "Konto",
    account_hint: "namnrymden där en skrivning provas",
    look: "Kontrollera igen",
    no_account: "Ange ett konto för att prova en skrivning där.",
    bad_account: "Det är inget konto: ange en namnrymd, men inte operatorns egen.",
};

/// What is wrong, and what to do. In English as the terminal says it.
pub(crate) fn told(trouble: &Trouble, language: Language) -> (String, String) {
    match language {
        Language::English => (trouble.what(), trouble.way_out()),
        Language::Swedish => (what(trouble), way_out(trouble)),
    }
}

fn what(trouble: &Trouble) -> String {
    match trouble {
        Trouble::CrdNotServed(name) => format!(
            "CustomResourceDefinition {name} går inte att använda: inget av det slaget kan läsas \
             eller skrivas"
        ),
        Trouble::CrdAbsent(name) => {
            format!("CustomResourceDefinition {name} finns inte: inget av det slaget kan lagras")
        }
        Trouble::PolicyUnbound(Policy { kind, name }) => {
            format!("{kind} {name} finns, men inget binder den, så den gäller inte")
        }
        Trouble::PolicyAbsent(Policy { kind, name }) => {
            format!("{kind} {name} finns inte: det den vaktar är ovaktat")
        }
        Trouble::PartStopped(place) => {
            format!("{} är nedskalad till 0: {}", part(place), without(place))
        }
        Trouble::PartNotReady(place, wanted) => {
            format!("{} har 0 av {wanted} repliker redo: {}", part(place), without(place))
        }
        Trouble::PartAbsent(place) => format!("{} finns inte: {}", part(place), without(place)),
        Trouble::KeyUnreadable(namespace) => format!(
            "ConfigMap kliv-secrets-sealing-key i namnrymden {namespace} har ingen läsbar \
             förseglingsnyckel: ingenting kan förseglas"
        ),
        Trouble::KeyAbsent(namespace) => format!(
            "ConfigMap kliv-secrets-sealing-key i namnrymden {namespace} finns inte: ingenting kan \
             förseglas"
        ),
        Trouble::WebhookUntrusted => {
            "MutatingWebhookConfiguration kliv-secrets har ingen caBundle: API-servern litar inte \
             på något av webhookens certifikat"
                .into()
        }
        Trouble::WebhookAbsent => "MutatingWebhookConfiguration kliv-secrets finns inte: inga \
                                   värden kan skrivas"
            .into(),
        Trouble::AnotherKey { sealed, published, .. } => {
            format!("webhooken förseglar med nyckel {sealed}, men den publicerade är {published}")
        }
        Trouble::StoredInTheClear => "ett värde som skrevs på prov kom tillbaka oförseglat: det \
                                      skulle lagras i klartext"
            .into(),
        Trouble::WebhookNotReached(_) => {
            "API-servern når inte webhooken, eller litar inte på dess certifikat: inga värden kan \
             skrivas"
                .into()
        }
        Trouble::NotWritten(why) => {
            format!("en KlivSecret kunde inte skrivas, inte ens på prov: {why}")
        }
        Trouble::NotTried(why) => format!("det går inte att prova att skriva en KlivSecret: {why}"),
        Trouble::ServedEnded => "webhookens certifikat har gått ut: inga värden kan skrivas".into(),
        Trouble::ServedEnds(days) => format!("webhookens certifikat går ut om {days} dagar"),
        Trouble::ServedUnseen(why) => format!("webhookens certifikat syns inte: {why}"),
        Trouble::AuthorityEnded => {
            "webhookens certifikatutfärdare har gått ut: inga värden kan skrivas".into()
        }
        Trouble::AuthorityEnds(days) => {
            format!("webhookens certifikatutfärdare går ut om {days} dagar")
        }
        Trouble::OldKubernetes(minor) => {
            format!("Kubernetes 1.{minor} är för gammal: den saknar det som skydden behöver")
        }
        Trouble::AnotherVersion { part, version, asker } => {
            format!("{part} har version {version}, den här sidan {asker}")
        }
        Trouble::NoLeader => "ingen controller leder: värden lagras, men inga publiceras".into(),
        Trouble::NoRight(Right { verb, resource, .. }, account) => {
            format!("du har inte rätten {verb} på {resource} i {account}")
        }
        Trouble::NotEncrypted => "inget tyder på att lagrade Secrets är krypterade: publicerade \
                                  värden ligger då som base64 i etcd"
            .into(),
        Trouble::EncryptionUnseen => "det syns inte om lagrade Secrets är krypterade".into(),
        Trouble::LogsContent => "API-serverns granskningslogg har innehållet i vissa anrop: är \
                                 KlivSecrets bland dem finns värden som skrevs i klartext där"
            .into(),
        Trouble::LogUnseen => {
            "det syns inte om API-serverns granskningslogg har innehållet i anrop".into()
        }
        Trouble::Orphaned { set, account, .. } => format!(
            "Secret {set} i {account} har värden, men inget KlivAccount känner till den: ingen tar \
             bort den"
        ),
        Trouble::Unseen(object, why) => format!("{} går inte att titta på: {why}", called(object)),
    }
}

fn way_out(trouble: &Trouble) -> String {
    const INSTALL: &str =
        "installera chartet igen, som det var: `helm upgrade --install kliv-secrets …`";
    const RENEWS: &str = "controllern förnyar det en månad i förväg, eller cert-manager om den gör \
                          certifikatet: dess logg säger varför det inte skedde";
    match trouble {
        Trouble::CrdNotServed(name) => format!("se dess villkor: `kubectl describe crd {name}`"),
        Trouble::CrdAbsent(_) => {
            "installera chartet med crds.install=true, eller lägg in filerna i crds/".into()
        }
        Trouble::PolicyUnbound(Policy { kind, name }) => {
            format!("återställ {kind}Binding {name}: {INSTALL}")
        }
        Trouble::PolicyAbsent(_) | Trouble::PartAbsent(_) | Trouble::WebhookAbsent => INSTALL.into(),
        Trouble::PartStopped(place) => format!("ange {}.replicas i chartets värden", place.part),
        Trouble::PartNotReady(Place { part, namespace }, _) => format!(
            "dess logg säger vad den väntar på: `kubectl -n {namespace} logs \
             deploy/kliv-secrets-{part}`"
        ),
        Trouble::KeyUnreadable(namespace) => format!(
            "starta om controllern, som skriver den: `kubectl -n {namespace} rollout restart \
             deploy/kliv-secrets-controller`"
        ),
        Trouble::KeyAbsent(_) => {
            "controllern gör den tillsammans med nyckelringen: dess logg säger varför det inte skedde"
                .into()
        }
        Trouble::WebhookUntrusted => "controllern fyller i den inom en minut från installationen, \
                                      eller cert-manager om den gör certifikatet: dess logg säger \
                                      varför det inte skedde"
            .into(),
        Trouble::AnotherKey { namespace, .. } => format!(
            "inom två minuter från ett nyckelbyte är det väntat; starta annars om webhooken: \
             `kubectl -n {namespace} rollout restart deploy/kliv-secrets-webhook`"
        ),
        Trouble::StoredInTheClear => {
            format!("låt ingen skriva värden förrän det är åtgärdat: {INSTALL}")
        }
        Trouble::WebhookNotReached(namespace) => format!(
            "se caBundle i MutatingWebhookConfiguration kliv-secrets, Service kliv-secrets-webhook i \
             namnrymden {namespace} och nätverkspolicyer; API-serverns logg säger vilket det är"
        ),
        Trouble::NotWritten(_) => "om texten ovan inte räcker: vilka andra policyer eller webhookar \
                                   gäller KlivSecrets?"
            .into(),
        Trouble::NotTried(_) => "ge den som frågar rätt att skapa KlivSecrets i kontot".into(),
        Trouble::ServedEnded
        | Trouble::ServedEnds(_)
        | Trouble::AuthorityEnded
        | Trouble::AuthorityEnds(_) => RENEWS.into(),
        Trouble::ServedUnseen(_) => "dess mätvärden visar det: fråga någon som har get på pods/proxy \
                                     i operatorns namnrymd"
            .into(),
        Trouble::OldKubernetes(_) => "uppgradera klustret".into(),
        Trouble::AnotherVersion { .. } => "använd operatorns version".into(),
        Trouble::NoLeader => "där controllers körs säger deras logg vad de väntar på".into(),
        Trouble::NoRight(right, account) => match right.role() {
            None => "be om ClusterRole edit i namnrymden, eller view för att titta".into(),
            Some(role) => format!(
                "om du ska ha den: `kubectl -n {account} create rolebinding NAMN \
                 --clusterrole={role} --user=DU`"
            ),
        },
        Trouble::NotEncrypted => "ge API-servern en --encryption-provider-config för secrets; i \
                                  färdiga molnkluster finns en inställning för det"
            .into(),
        Trouble::EncryptionUnseen => "fråga den som kör API-servern om dess \
                                      --encryption-provider-config, eller be någon som får läsa dess \
                                      /metrics att titta här"
            .into(),
        Trouble::LogsContent => "lägg regeln i examples/cluster/audit-policy.yaml före alla andra; \
                                 den här sidan förseglar innan något skickas"
            .into(),
        Trouble::LogUnseen => "fråga den som kör API-servern efter en regel med nivån \
                               Metadata för klivsecrets, som i examples/cluster/audit-policy.yaml"
            .into(),
        Trouble::Orphaned { set, account, namespace } => format!(
            "om ingen pod nämner den (`kubectl -n {account} get pods -o yaml | grep {set}`), som \
             klustrets förvaltare: `kubectl -n {account} delete secret {set} \
             --as=system:serviceaccount:{namespace}:kliv-secrets-controller`"
        ),
        Trouble::Unseen(..) => "ge den som frågar rätt att läsa det".into(),
    }
}

fn part(place: &Place) -> String {
    format!("Deployment kliv-secrets-{} i namnrymden {}", place.part, place.namespace)
}

fn without(place: &Place) -> &'static str {
    match place.part {
        "webhook" => "inga värden kan skrivas",
        _ => "värden lagras, men inga publiceras",
    }
}

fn called(object: &Object) -> String {
    match object {
        Object::Crd(name) => format!("CustomResourceDefinition {name}"),
        Object::Policy(Policy { kind, name }) => format!("{kind} {name}"),
        Object::Part(place) => part(place),
        Object::Key(namespace) => {
            format!("ConfigMap kliv-secrets-sealing-key i namnrymden {namespace}")
        }
        Object::Webhook => "MutatingWebhookConfiguration kliv-secrets".into(),
        Object::Lease => "ledarens Lease".into(),
        Object::Right(Right { verb, resource, .. }) => format!("din rätt {verb} på {resource}"),
        Object::Sets(account) => format!("namnen på publicerade uppsättningar i {account}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_names_the_same_things_in_both_languages() {
        let place = Place { part: "webhook", namespace: "ours".into() };
        for (trouble, names) in [
            (Trouble::PartNotReady(place, 2), ["kliv-secrets-webhook", "kubectl -n ours logs"]),
            (Trouble::CrdAbsent("klivsecrets.secrets.kliv.dev"), ["klivsecrets.", "crds.install"]),
            (Trouble::ServedEnds(5), ["5", "cert-manager"]),
        ] {
            for language in [Language::English, Language::Swedish] {
                let (what, way_out) = told(&trouble, language);
                assert!(what.contains(names[0]) && way_out.contains(names[1]), "{what} {way_out}");
            }
            assert_ne!(told(&trouble, Language::English), told(&trouble, Language::Swedish));
        }
    }
}
