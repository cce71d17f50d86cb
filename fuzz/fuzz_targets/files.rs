#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    kliv_secrets_fuzz::files::files(data);
});
