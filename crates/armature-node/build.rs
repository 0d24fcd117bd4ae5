//! Lets the addon resolve N-API symbols from the process that loads it.

fn main() {
    napi_build::setup();
}
