//! What happens to the operator while people write and functions run: none of it touches a
//! function or a published set, and no write is lost.

use std::env::consts::ARCH;
use std::io::Write;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, EvictParams};
use rustix::process::{Pid, Signal, kill_process};
use tokio::task::spawn_blocking;

use crate::account::{Account, is_ready};
use crate::hardening::process;
use crate::harness::{eventually, launcher, run};
use crate::operator::{Image, Operator, PARTS, checkout};
use crate::steady::Steady;
use crate::writers::{Written, write_during};

#[tokio::test]
async fn upgrades_rollbacks_restarts_and_drains_touch_no_function_and_refuse_no_write() {
    let Some(operator) = Operator::alone().await else { return };
    let people = People::new(&operator).await;
    let [repository, tag] = image_of_another_name().values();
    let restart = async {
        operator.restart();
        operator.stands().await;
    };
    let refused = [
        people.see_all_pods_go("another log level", operator.upgrade(&["log.level=debug"])).await,
        people.see_all_pods_go("another image", operator.upgrade(&[&repository, &tag])).await,
        people.see_all_pods_go("a rollback", operator.roll_back()).await,
        people.see_all_pods_go("a restart", restart).await,
        people.see_all_pods_go("a drained node", evict_all(&operator)).await,
    ]
    .map(|written| written.refused);

    assert_eq!(refused, [0; 5]);
}

#[tokio::test]
async fn killed_pods_and_processes_touch_no_function_and_lose_no_write() {
    let Some(operator) = Operator::alone().await else { return };
    let people = People::new(&operator).await;
    let all_at_once = async {
        let all = "app.kubernetes.io/name=kliv-secrets";
        operator.kubectl(&["delete", "pods", "-l", all, "--force", "--grace-period=0"]).success();
        operator.stands().await;
    };
    people.see_all_pods_go("all pods killed at once", all_at_once).await;

    let leader = operator.leads().await;
    let leader = operator.pods("controller").await.into_iter().find(|p| p.name_any() == leader);
    let dies = kill(&operator, leader.expect("the leader"));
    let written = people.go_on_during("the leader's process killed", dies).await;
    assert_eq!(written.refused, 0);

    let one = operator.pods("webhook").await.swap_remove(0);
    people.go_on_during("one of two webhooks killed", kill(&operator, one)).await;

    let before = uids(&operator).await;
    let restarts = async {
        // Not on this test's thread, where people write.
        let restarted = |name: &'static str| {
            spawn_blocking(move || run(launcher(&["restart", name]), "").success())
        };
        restarted("containerd").await.expect("restarts");
        restarted("kubelet").await.expect("restarts");
        operator.stands().await;
    };
    let written = people.go_on_during("the node's runtime and kubelet killed", restarts).await;
    assert_eq!(written.refused, 0);
    assert_eq!(uids(&operator).await, before);
}

/// A steady account, and people who write in another.
struct People<'a> {
    operator: &'a Operator,
    steady: Steady<'a>,
    account: Account<'a>,
}

impl<'a> People<'a> {
    async fn new(operator: &'a Operator) -> Self {
        let account = Account::new(operator, "people").await;
        Self { operator, steady: Steady::new(operator).await, account }
    }

    /// Each write is taken or refused in our words, none is lost, and the steady account
    /// stays as it is.
    async fn go_on_during(&self, what: &str, happening: impl Future<Output = ()>) -> Written {
        let written = write_during(&self.account, happening).await;
        // Past the runner's capture: a figure, not a claim.
        let (taken, refused) = (written.taken, written.refused);
        let figures = format!("during {what}: {taken} writes taken, {refused} refused\n");
        std::io::stderr().write_all(figures.as_bytes()).expect("standard error");
        written.arrives(&self.account).await;
        self.steady.is_untouched().await;
        written
    }

    /// The same; afterwards no pod of the operator is one that was there before.
    async fn see_all_pods_go(&self, what: &str, happening: impl Future<Output = ()>) -> Written {
        let before = uids(self.operator).await;
        let written = self.go_on_during(what, happening).await;
        let now = uids(self.operator).await;
        assert!(now.iter().all(|uid| !before.contains(uid)), "{what} left a pod");
        written
    }
}

/// Evicts every pod of both parts, as `kubectl drain` does: one that the budget keeps for
/// now is asked for again.
async fn evict_all(operator: &Operator) {
    let pods: Api<Pod> = operator.api();
    for part in PARTS {
        for pod in operator.pods(part).await {
            eventually(&format!("{} may be evicted", pod.name_any()), async || {
                match pods.evict(&pod.name_any(), &EvictParams::default()).await {
                    Err(kube::Error::Api(status)) if status.code == 429 => None,
                    evicted => Some(evicted.expect("an eviction")),
                }
            })
            .await;
        }
    }
    operator.stands().await;
}

/// Kills the process of a pod, and waits until it has another and all stands again.
async fn kill(operator: &Operator, pod: Pod) {
    let id = process(&pod).file_name().and_then(|id| id.to_str()?.parse().ok());
    let id = id.and_then(Pid::from_raw).expect("a process id");
    kill_process(id, Signal::KILL).expect("it is killed");
    let pods: Api<Pod> = operator.api();
    eventually(&format!("{} has another process", pod.name_any()), async || {
        let now = pods.get(&pod.name_any()).await.ok()?;
        (is_ready(&now) && restarts(&now) > restarts(&pod)).then_some(())
    })
    .await;
    operator.stands().await;
}

fn restarts(pod: &Pod) -> i32 {
    let containers = pod.status.iter().flat_map(|s| s.container_statuses.iter().flatten());
    containers.map(|container| container.restart_count).sum()
}

/// This checkout's program in an image of another name, loaded into the node.
fn image_of_another_name() -> Image {
    let archive = checkout("target/image/again.tar");
    let binary = checkout(&format!("target/{ARCH}-unknown-linux-gnu/release/kliv-secrets"));
    let pack =
        ["image", "pack", "--name", "kliv-secrets-again", "--binary", &binary, "--out", &archive];
    let packed = run(launcher(&pack), "").success();
    run(launcher(&["image", "load", &archive]), "").success();
    let (repository, tag) = packed.trim().rsplit_once(':').expect("a name and a tag");
    Image { repository: repository.to_owned(), tag: tag.to_owned() }
}

async fn uids(operator: &Operator) -> Vec<String> {
    let mut uids = Vec::new();
    for part in PARTS {
        uids.extend(operator.pods(part).await.iter().filter_map(Pod::uid));
    }
    uids
}
