//! The threadsafe function of a lane, by its rules:
//!
//! * it carries no payload: a call means "drain the lane";
//! * it is weak: whether the process lives on is decided by `reference` and `unreference`;
//! * `closed` is set under the lock that guards the handle, by a cleanup hook registered after the function was made
//!   (hooks run last-in first-out), so no call is made once Node tears it down. Closing removes the hook again.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use armature_bridge::Wake;
use armature_core::io_loop::{Deferred, Turning, after_tasks};
use napi::{Env, JsValue, bindgen_prelude::Function, sys};

use crate::census::{self, Live};
use crate::error::{Result, internal};

/// Wakes one JavaScript environment.
pub struct JsWaker {
    open: Mutex<Option<Open>>,
    /// Set with the inline driver, whose turns look at the lane when they end.
    turning: OnceLock<Turning>,
}

/// What exists until the waker is closed or its environment ends.
struct Open {
    handle: sys::napi_threadsafe_function,
    /// The argument of the cleanup hook.
    hook: *mut Hook,
    at_teardown: Option<Box<dyn FnOnce() + Send>>,
}

/// What the cleanup hook owns, and whoever removes the hook.
struct Hook {
    waker: Arc<JsWaker>,
    _live: Live,
}

// SAFETY: a napi_threadsafe_function may be called from any thread while it exists; the mutex around it is what ends
// its use before it is destroyed. `hook` is used by the environment's own thread alone.
unsafe impl Send for Open {}

impl JsWaker {
    /// Makes a weak threadsafe function that calls `pump` without arguments.
    pub fn new(env: &Env, pump: Function<'_, (), ()>) -> Result<Arc<Self>> {
        let name = env.create_string("armature:lane").map_err(|e| internal(e.to_string()))?;
        let mut handle = ptr::null_mut();
        // SAFETY: env, pump and name are live values of the current call; the callback outlives the function because it
        // is a plain `extern "C"` item.
        let status = unsafe {
            sys::napi_create_threadsafe_function(
                env.raw(),
                pump.raw(),
                ptr::null_mut(),
                name.raw(),
                0,
                1,
                ptr::null_mut(),
                None,
                ptr::null_mut(),
                Some(call_pump),
                &mut handle,
            )
        };
        if status != sys::Status::napi_ok {
            return Err(internal(format!("creating a threadsafe function failed with status {status}")));
        }
        let waker = Arc::new(Self { open: Mutex::default(), turning: OnceLock::new() });
        let hook =
            Box::into_raw(Box::new(Hook { waker: waker.clone(), _live: Live::one_of(&census::HOOKS) }));
        *waker.lock() = Some(Open { handle, hook, at_teardown: None });
        // SAFETY: `hook` is owned by the registration until the hook runs or is removed; it is leaked when the process
        // ends without running hooks, which is what happens on the main thread at exit.
        let status = unsafe { sys::napi_add_env_cleanup_hook(env.raw(), Some(end_environment), hook.cast()) };
        if status != sys::Status::napi_ok {
            waker.close(env);
            return Err(internal(format!("registering a cleanup hook failed with status {status}")));
        }
        waker.set_referenced(env, false)?;
        Ok(waker)
    }

    /// Has `end` run when the environment ends before the waker is closed; wakes do nothing by then.
    pub fn at_teardown(&self, end: Box<dyn FnOnce() + Send>) {
        let replaced = self.lock().as_mut().and_then(|open| open.at_teardown.replace(end));
        drop(replaced);
    }

    /// Leaves wakes to the turn in progress, while there is one.
    pub fn defer_to(&self, turning: Turning) {
        // A lane belongs to one server: this is called once.
        let _ = self.turning.set(turning);
    }

    /// Has `pump` called. Called from any thread.
    pub fn notify(&self) {
        let guard = self.lock();
        if let Some(open) = guard.as_ref() {
            // SAFETY: the handle exists while the lock is held. The queue is unbounded but holds at most one call per
            // drained lane, because the lane wakes only when it was not armed, and one per turn of an inline loop.
            unsafe {
                sys::napi_call_threadsafe_function(
                    open.handle,
                    ptr::null_mut(),
                    sys::ThreadsafeFunctionCallMode::nonblocking,
                )
            };
        }
    }

    /// Whether the environment stays alive for this function.
    pub fn set_referenced(&self, env: &Env, referenced: bool) -> Result<()> {
        let guard = self.lock();
        let Some(open) = guard.as_ref() else { return Ok(()) };
        // SAFETY: the handle exists (it is taken under this lock before it is released), and this is the environment's
        // own thread, since it holds its Env.
        let status = unsafe {
            if referenced {
                sys::napi_ref_threadsafe_function(env.raw(), open.handle)
            } else {
                sys::napi_unref_threadsafe_function(env.raw(), open.handle)
            }
        };
        if status == sys::Status::napi_ok {
            Ok(())
        } else {
            Err(internal(format!("referencing a threadsafe function failed with status {status}")))
        }
    }

    /// Releases the function and removes the cleanup hook; later wakes do nothing.
    pub fn close(&self, env: &Env) {
        let Some(open) = self.lock().take() else { return };
        // SAFETY: taken from under the lock, so nobody else uses them; the environment has not torn them down, or the
        // hook would have taken them. This is the environment's own thread, since it holds its Env. The hook's argument
        // is ours once the hook is removed.
        let hook = unsafe {
            sys::napi_release_threadsafe_function(open.handle, sys::ThreadsafeFunctionReleaseMode::abort);
            sys::napi_remove_env_cleanup_hook(env.raw(), Some(end_environment), open.hook.cast());
            Box::from_raw(open.hook)
        };
        drop(hook);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Open>> {
        // Nothing panics while the lock is held, so a poisoned state is still whole.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shared by the lane and the cleanup hook.
#[derive(Clone)]
pub struct SharedWaker(pub Arc<JsWaker>);

impl Wake for SharedWaker {
    fn wake(&self) {
        // A loop that has several requests for this thread wakes it once.
        if self.0.turning.get().is_none_or(|turning| !turning.now()) && !after_tasks(&self.0) {
            self.0.notify();
        }
    }
}

impl Deferred for JsWaker {
    fn run(&self) {
        self.notify();
    }
}

unsafe extern "C" fn call_pump(
    env: sys::napi_env,
    pump: sys::napi_value,
    _context: *mut c_void,
    _data: *mut c_void,
) {
    // Both are null while the environment shuts down.
    if env.is_null() || pump.is_null() {
        return;
    }
    let mut receiver = ptr::null_mut();
    let mut result = ptr::null_mut();
    // SAFETY: called by Node on the environment's thread with a handle scope open; all pointers are live locals.
    unsafe {
        if sys::napi_get_undefined(env, &mut receiver) != sys::Status::napi_ok {
            return;
        }
        let status = sys::napi_call_function(env, receiver, pump, 0, ptr::null(), &mut result);
        report_exception(env, status);
    }
}

/// The pump catches everything that handlers throw; what comes here is a defect of ours, reported as an uncaught exception
/// instead of being lost.
///
/// # Safety
/// `env` is live and this is its thread, with a handle scope open.
pub unsafe fn report_exception(env: sys::napi_env, status: sys::napi_status) {
    if status != sys::Status::napi_pending_exception {
        return;
    }
    let mut exception = ptr::null_mut();
    // SAFETY: says the caller; `exception` is a live local.
    unsafe {
        if sys::napi_get_and_clear_last_exception(env, &mut exception) == sys::Status::napi_ok {
            sys::napi_fatal_exception(env, exception);
        }
    }
}

unsafe extern "C" fn end_environment(argument: *mut c_void) {
    // SAFETY: `argument` is the Hook that `JsWaker::new` made for this hook, which runs once and only while it was not
    // removed.
    let hook = unsafe { Box::from_raw(argument.cast::<Hook>()) };
    // Node destroys the function itself from here on: it is given up, not released.
    let open = hook.waker.lock().take();
    if let Some(end) = open.and_then(|open| open.at_teardown) {
        // A panic must not unwind into Node; the panic hook has reported it.
        let _ = catch_unwind(AssertUnwindSafe(end));
    }
}
