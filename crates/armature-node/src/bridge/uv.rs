//! libuv, as far as the inline driver needs it: one poll handle and one timer on the environment's event loop.
//!
//! The functions are looked up in the process that loaded the addon, so that the addon links anywhere and a host without
//! libuv is an error that can be handled. Handles are allocated with the sizes that this libuv says.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::Cell;
use std::ffi::{CStr, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::time::Duration;

use napi::sys;

use crate::error::{Result, internal};

type Handle = *mut c_void;
type PollCallback = unsafe extern "C" fn(Handle, c_int, c_int);
type Callback = unsafe extern "C" fn(Handle);

/// `uv_handle_type` of a poll handle and of a timer; the numbers are part of libuv's ABI.
const POLL: c_int = 8;
const TIMER: c_int = 13;
/// `UV_READABLE`.
const READABLE: c_int = 1;

struct Functions {
    handle_size: unsafe extern "C" fn(c_int) -> usize,
    handle_set_data: unsafe extern "C" fn(Handle, *mut c_void),
    handle_get_data: unsafe extern "C" fn(Handle) -> *mut c_void,
    unref: Callback,
    close: unsafe extern "C" fn(Handle, Callback),
    poll_init: unsafe extern "C" fn(*mut c_void, Handle, c_int) -> c_int,
    poll_start: unsafe extern "C" fn(Handle, c_int, PollCallback) -> c_int,
    poll_stop: unsafe extern "C" fn(Handle) -> c_int,
    timer_init: unsafe extern "C" fn(*mut c_void, Handle) -> c_int,
    timer_start: unsafe extern "C" fn(Handle, Callback, u64, u64) -> c_int,
    timer_stop: unsafe extern "C" fn(Handle) -> c_int,
}

impl Functions {
    /// Looked up once; they do not change while the process lives.
    fn get() -> Option<&'static Self> {
        static FUNCTIONS: OnceLock<Option<Functions>> = OnceLock::new();
        FUNCTIONS.get_or_init(Self::load).as_ref()
    }

    #[expect(
        clippy::missing_transmute_annotations,
        reason = "each type is that of its field, declared above"
    )]
    fn load() -> Option<Self> {
        macro_rules! load {
            ($($field:ident = $name:literal),* $(,)?) => {
                // SAFETY: the names are libuv's, whose signatures are declared above and have not changed since 1.19.
                unsafe { Some(Self { $($field: std::mem::transmute::<*mut c_void, _>(symbol($name)?)),* }) }
            };
        }
        load! {
            handle_size = c"uv_handle_size",
            handle_set_data = c"uv_handle_set_data",
            handle_get_data = c"uv_handle_get_data",
            unref = c"uv_unref",
            close = c"uv_close",
            poll_init = c"uv_poll_init",
            poll_start = c"uv_poll_start",
            poll_stop = c"uv_poll_stop",
            timer_init = c"uv_timer_init",
            timer_start = c"uv_timer_start",
            timer_stop = c"uv_timer_stop",
        }
    }
}

fn symbol(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: a lookup by a null-terminated name, in the whole process.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

/// Called on the thread of the environment.
pub trait Watcher {
    /// The descriptor is readable.
    fn readable(&self);
    /// The time is up, or nearly: libuv counts from the beginning of the turn in which the timer was set.
    fn time(&self);
    /// Both handles are closed; nothing is called any more.
    fn closed(&self);
}

/// A descriptor and a deadline, watched by the event loop of an environment. Neither keeps the process alive.
pub struct Watch {
    functions: &'static Functions,
    poll: Handle,
    timer: Handle,
}

/// What both handles point to: freed when both are closed.
struct Shared {
    watcher: Box<dyn Watcher>,
    memory: [(Handle, Layout); 2],
    open: Cell<u8>,
}

impl Watch {
    /// Watches `descriptor` for `watcher`, which exists until [`Watcher::closed`].
    ///
    /// # Errors
    /// When the host has no libuv, or refuses the descriptor.
    pub fn start(env: sys::napi_env, descriptor: c_int, watcher: Box<dyn Watcher>) -> Result<Self> {
        let functions =
            Functions::get().ok_or_else(|| internal("the host does not show libuv's functions"))?;
        let mut event_loop = std::ptr::null_mut();
        // SAFETY: `env` is the environment of the current call.
        let status = unsafe { sys::napi_get_uv_event_loop(env, &mut event_loop) };
        if status != sys::Status::napi_ok || event_loop.is_null() {
            return Err(internal("the host has no libuv event loop"));
        }
        let event_loop: *mut c_void = event_loop.cast();
        let (poll, poll_layout) = allocate(functions, POLL)?;
        let (timer, timer_layout) = allocate(functions, TIMER)?;
        // SAFETY: fresh memory of the size that libuv asks for; a handle whose init failed is not known to the loop.
        let code = unsafe { (functions.poll_init)(event_loop, poll, descriptor) };
        if code != 0 {
            // SAFETY: allocated above with these layouts and never shown to anybody who kept it.
            unsafe {
                dealloc(poll.cast(), poll_layout);
                dealloc(timer.cast(), timer_layout);
            }
            return Err(internal(format!("uv_poll_init failed with code {code}")));
        }
        let memory = [(poll, poll_layout), (timer, timer_layout)];
        let shared = Box::new(Shared { watcher, memory, open: Cell::new(2) });
        let shared: *mut c_void = Box::into_raw(shared).cast();
        // SAFETY: both handles are initialised (a timer's init cannot fail) and live until their close callback.
        let code = unsafe {
            (functions.timer_init)(event_loop, timer);
            (functions.handle_set_data)(poll, shared);
            (functions.handle_set_data)(timer, shared);
            (functions.unref)(poll);
            (functions.unref)(timer);
            (functions.poll_start)(poll, READABLE, on_readable)
        };
        let watch = Self { functions, poll, timer };
        if code != 0 {
            watch.close();
            return Err(internal(format!("uv_poll_start failed with code {code}")));
        }
        Ok(watch)
    }

    /// Moves the deadline.
    pub fn call_after(&self, time: Duration) {
        // Rounded up: a millisecond early would only be called again.
        let millis = time.as_millis() as u64 + 1;
        // SAFETY: the timer is open: `close` consumes self.
        unsafe { (self.functions.timer_start)(self.timer, on_time, millis, 0) };
    }

    /// Stops watching. [`Watcher::closed`] is called in a later turn of the event loop.
    pub fn close(self) {
        // SAFETY: both handles are open, and closed once: `close` consumes self.
        unsafe {
            (self.functions.poll_stop)(self.poll);
            (self.functions.timer_stop)(self.timer);
            (self.functions.close)(self.poll, on_closed);
            (self.functions.close)(self.timer, on_closed);
        }
    }
}

fn allocate(functions: &Functions, kind: c_int) -> Result<(Handle, Layout)> {
    // SAFETY: a pure function of libuv.
    let size = unsafe { (functions.handle_size)(kind) };
    // libuv's handles hold pointers and 64-bit numbers.
    let layout = Layout::from_size_align(size, 16).map_err(|_| internal("a handle of libuv has no size"))?;
    if !(64..=4096).contains(&size) {
        return Err(internal(format!("a handle of libuv has {size} bytes")));
    }
    // SAFETY: the size is not zero.
    let memory = unsafe { alloc_zeroed(layout) };
    if memory.is_null() { Err(internal("out of memory")) } else { Ok((memory.cast(), layout)) }
}

/// What `handle` points to.
///
/// # Safety
/// `handle` is one of a [`Watch`] and has not been closed, or is just being closed.
unsafe fn shared_of(handle: Handle) -> *mut Shared {
    match Functions::get() {
        // SAFETY: says the caller.
        Some(functions) => unsafe { (functions.handle_get_data)(handle) }.cast(),
        None => std::ptr::null_mut(),
    }
}

unsafe extern "C" fn on_readable(handle: Handle, _status: c_int, _events: c_int) {
    // SAFETY: libuv calls this with a handle of ours that is open.
    unsafe { tell(handle, |watcher| watcher.readable()) };
}

unsafe extern "C" fn on_time(handle: Handle) {
    // SAFETY: libuv calls this with a handle of ours that is open.
    unsafe { tell(handle, |watcher| watcher.time()) };
}

/// # Safety
/// See [`shared_of`].
unsafe fn tell(handle: Handle, what: impl FnOnce(&dyn Watcher)) {
    // SAFETY: what an open handle points to exists until the close callbacks, which do not run inside this call.
    let Some(shared) = (unsafe { shared_of(handle).as_ref() }) else { return };
    // A panic must not unwind into libuv; the panic hook has reported it.
    let _ = catch_unwind(AssertUnwindSafe(|| what(&*shared.watcher)));
}

unsafe extern "C" fn on_closed(handle: Handle) {
    // SAFETY: libuv calls this once for each of the two handles, and uses the handle no more.
    let shared = unsafe { shared_of(handle) };
    // SAFETY: as above; it is freed below, with the second handle.
    let Some(open) = (unsafe { shared.as_ref() }).map(|shared| shared.open.replace(shared.open.get() - 1))
    else {
        return;
    };
    if open > 1 {
        return;
    }
    // SAFETY: made by `Box::into_raw` in `Watch::start`, and nobody points to it any more.
    let shared = unsafe { Box::from_raw(shared) };
    for (memory, layout) in shared.memory {
        // SAFETY: allocated with this layout, and closed.
        unsafe { dealloc(memory.cast(), layout) };
    }
    let _ = catch_unwind(AssertUnwindSafe(|| shared.watcher.closed()));
}
