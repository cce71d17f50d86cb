//! Every verb of a caller can run in a server's task, which may move between threads.

use std::time::Duration;

use kliv_secrets::account::{Caller, Details, DryRun, How, Plan, Target, Value, Waited, What};
use kliv_secrets::api::{KlivSecret, KlivSecretSpec, Question};

fn is_send<T: Send>(_: T) {}

/// Compiles, or a verb can't; never called.
#[expect(dead_code, reason = "an assertion of types")]
fn all_verbs(
    caller: &Caller,
    secret: &KlivSecret,
    target: &Target,
    value: &Value,
    spec: &KlivSecretSpec,
    (plan, question, how): (Plan, Question, &How<'_>),
) {
    let (dry_run, time) = (DryRun::None, Duration::ZERO);
    let (name, before, waited) = ("name", Some(secret), &Waited::default());
    is_send(caller.list(false));
    is_send(caller.watch::<KlivSecret>(What::Secrets, false, Vec::new()));
    is_send(caller.find(target));
    is_send(caller.find_object(name));
    is_send(caller.account());
    is_send(caller.may());
    is_send(caller.users(secret));
    is_send(caller.install());
    is_send(caller.version());
    is_send(caller.sealing_key());
    is_send(caller.set(target, before, value, Details::default(), how));
    is_send(caller.put(spec, before, dry_run));
    is_send(caller.rotate(secret, value, false, how));
    is_send(caller.purged(secret, time));
    is_send(caller.roll_back(secret, 1, dry_run));
    is_send(caller.delete(secret, dry_run));
    is_send(caller.request(target, question, dry_run));
    is_send(caller.answer(secret, value, how));
    is_send(caller.refuse(secret, dry_run));
    is_send(caller.plan_import(Vec::new()));
    is_send(caller.import(plan, how));
    is_send(caller.keys_of(name));
    is_send(caller.live(waited, time, |_| {}));
    is_send(caller.deployments());
    is_send(caller.deployment(name));
    is_send(caller.roll_out(name));
    is_send(caller.through(name, name, time));
    is_send(caller.audit_events(false));
    is_send(caller.audit_watch(Vec::new()));
    is_send(caller.trail());
    is_send(caller.newest(None, |_| true));
    is_send(caller.reached(waited, None));
}
