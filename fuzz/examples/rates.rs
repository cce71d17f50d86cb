//! How many values one core seals and opens in a second of its time, also on a busy
//! machine (Linux): `cargo run --release --example rates`.

use std::hint::black_box;

use hpke::rand_core::{Infallible, TryCryptoRng, TryRng};
use kliv_secrets_fuzz::seal::{Binding, Keyring, Plaintext, seal};

fn main() {
    let mut rng = Counter(1);
    let at = jiff::Timestamp::UNIX_EPOCH;
    let keyring = Keyring::generate(at, &mut rng);
    let place = Binding { account: "shop", variable: "OPENAI_API_KEY", environment: None };
    for size in [20, 1024, 64 * 1024] {
        let value = Plaintext::new(vec![b'x'; size]);
        let mut make = || seal(keyring.sealing_key(), &place, &value, at, &mut rng).expect("fits");
        let sealed = make();
        let sealing = rate(|| drop(black_box(make().to_string())));
        let opening = rate(|| {
            let sealed = sealed.to_string().parse().expect("read");
            drop(black_box(keyring.open(&sealed, &place)));
        });
        println!(
            "{size:>6} bytes: seal {sealing:>6.0}/s, open {opening:>6.0}/s, text forms included"
        );
    }
}

/// Calls in a second of processor time, over two seconds.
fn rate(mut call: impl FnMut()) -> f64 {
    let start = on_cpu();
    let mut calls = 0.0;
    loop {
        for _ in 0..50 {
            call();
        }
        calls += 50.0;
        let seconds = on_cpu() - start;
        if seconds > 2.0 {
            return calls / seconds;
        }
    }
}

/// How long this thread has run, seconds.
fn on_cpu() -> f64 {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let running = times.split(' ').next().and_then(|time| time.parse::<f64>().ok());
    running.expect("nanoseconds") / 1e9
}

/// Bytes that differ, and nothing more: only good for measuring.
struct Counter(u64);

impl TryRng for Counter {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unimplemented!("the vault draws bytes")
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unimplemented!("the vault draws bytes")
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.0 += 1;
        out.fill(0);
        out[..8].copy_from_slice(&self.0.to_le_bytes());
        Ok(())
    }
}
impl TryCryptoRng for Counter {}
