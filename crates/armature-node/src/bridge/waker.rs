//! The threadsafe function of a lane, by its rules:
//!
//! * it carries no payload: a call means "drain the lane";
//! * it is weak: whether the process lives on is decided by `reference` and `unreference`;
//! * `closed` is set under the lock that guards the handle, by a cleanup hook registered after the function was made
//!   (hooks run last-in first-out), so no call is made once Node tears it down.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

use armature_bridge::Wake;
use napi::{Env, JsValue, bindgen_prelude::Function, sys};

use crate::error::{Result, internal};

/// Wakes one JavaScript environment.
pub struct JsWaker {
    handle: Mutex<Option<Handle>>,
}

struct Handle(sys::napi_threadsafe_function);

// SAFETY: a napi_threadsafe_function may be called from any thread while it exists; the mutex around it is what ends
// its use before it is destroyed.
unsafe impl Send for Handle {}

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
        let waker = Arc::new(Self { handle: Mutex::new(Some(Handle(handle))) });
        waker.set_referenced(env, false)?;
        let argument = Arc::into_raw(waker.clone()).cast_mut().cast::<c_void>();
        // SAFETY: `argument` is an owned Arc that only the hook consumes; it is leaked when the process ends without
        // running hooks, which is what happens on the main thread at exit.
        let status = unsafe { sys::napi_add_env_cleanup_hook(env.raw(), Some(close_at_teardown), argument) };
        if status != sys::Status::napi_ok {
            // SAFETY: the hook was not registered, so the Arc is still ours.
            drop(unsafe { Arc::from_raw(argument.cast::<Self>()) });
            return Err(internal(format!("registering a cleanup hook failed with status {status}")));
        }
        Ok(waker)
    }

    /// Whether the environment stays alive for this function.
    pub fn set_referenced(&self, env: &Env, referenced: bool) -> Result<()> {
        let guard = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(handle) = guard.as_ref() else { return Ok(()) };
        // SAFETY: the handle exists (it is taken under this lock before it is released), and this is the environment's
        // own thread, since it holds its Env.
        let status = unsafe {
            if referenced {
                sys::napi_ref_threadsafe_function(env.raw(), handle.0)
            } else {
                sys::napi_unref_threadsafe_function(env.raw(), handle.0)
            }
        };
        if status == sys::Status::napi_ok {
            Ok(())
        } else {
            Err(internal(format!("referencing a threadsafe function failed with status {status}")))
        }
    }

    /// Releases the function; later wakes do nothing.
    pub fn close(&self) {
        let handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(handle) = handle {
            // SAFETY: taken from under the lock, so nobody else uses it; the environment has not torn it down, or the
            // hook would have taken it.
            unsafe {
                sys::napi_release_threadsafe_function(handle.0, sys::ThreadsafeFunctionReleaseMode::abort)
            };
        }
    }
}

/// Shared by the lane and the cleanup hook.
#[derive(Clone)]
pub struct SharedWaker(pub Arc<JsWaker>);

impl Wake for SharedWaker {
    fn wake(&self) {
        let guard = self.0.handle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = guard.as_ref() {
            // SAFETY: the handle exists while the lock is held. The queue is unbounded but holds at most one call per
            // drained lane, because the lane wakes only when it was not armed.
            unsafe {
                sys::napi_call_threadsafe_function(
                    handle.0,
                    ptr::null_mut(),
                    sys::ThreadsafeFunctionCallMode::nonblocking,
                )
            };
        }
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
        if status == sys::Status::napi_pending_exception {
            // The pump catches everything that handlers throw; what comes here is a defect of ours, reported as an
            // uncaught exception instead of being lost.
            let mut exception = ptr::null_mut();
            if sys::napi_get_and_clear_last_exception(env, &mut exception) == sys::Status::napi_ok {
                sys::napi_fatal_exception(env, exception);
            }
        }
    }
}

unsafe extern "C" fn close_at_teardown(argument: *mut c_void) {
    // SAFETY: `argument` is the Arc that `JsWaker::new` leaked for this hook, which runs once.
    let waker = unsafe { Arc::from_raw(argument.cast::<JsWaker>()) };
    // Node destroys the function itself from here on: it is given up, not released.
    waker.handle.lock().unwrap_or_else(PoisonError::into_inner).take();
}
