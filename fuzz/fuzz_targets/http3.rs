#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| armature_core::protocol::h3::fuzzing::stream(data));
