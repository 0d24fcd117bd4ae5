//! What the models of `tests/` share. `RUSTFLAGS="--cfg armature_loom" cargo test -p armature-loom --profile loom` explores them.

/// Runs `run` in every order of its threads that matters. Orders with more than three preemptions are left out, so that this ends
/// soon; `LOOM_MAX_PREEMPTIONS=4` goes further.
#[cfg(armature_loom)]
pub fn model(run: impl Fn() + Send + Sync + 'static) {
    // Reads the environment.
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(3);
    builder.check(run);
}
