#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| armature_core::listener::proxy::fuzzing::header(data));
