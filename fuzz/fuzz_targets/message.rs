#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hookwarden_fuzz::message::run(data));
