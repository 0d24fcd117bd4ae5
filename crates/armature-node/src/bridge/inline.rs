//! The inline driver: an IO loop on the thread of a JavaScript environment, driven by its event loop.
//!
//! libuv watches the descriptor of the loop's event queue. When it is readable the loop takes a turn, and JavaScript is called
//! only if that left records in the lane. JavaScript's own call, [`Inline::commit`], takes a turn too: it hands its answers
//! over, has them written, and gets the next requests, all in one call. While JavaScript has promised to come back (the lane
//! is armed) nothing is done here.
#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use armature_core::io_loop::{HostLoop, Turn};
use napi::bindgen_prelude::FunctionRef;
use napi::{Env, JsValue, sys};

use super::commit::Batch;
use super::lane::JsLane;
use super::loop_side::LoopSide;
use super::uv::{Watch, Watcher};
use super::waker::report_exception;
use crate::error::{Result, internal};

/// How long one turn may take before JavaScript, or the rest of the process, has its own.
const BUDGET: Duration = Duration::from_millis(1);
/// Events of a turn after which there are probably more.
const BUSY: usize = 4;
/// How long the answers of an environment that ends may take to leave.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// A function of JavaScript without arguments.
pub type Pump = FunctionRef<(), ()>;

/// A loop on the thread of an environment.
pub struct Inline {
    index: u8,
    host: RefCell<Option<HostLoop>>,
    lane: Arc<JsLane>,
    /// The bridge's end on the loop, from [`Inline::watch`] on.
    side: RefCell<Option<Rc<LoopSide>>>,
    env: Env,
    pump: RefCell<Option<Pump>>,
    watch: RefCell<Option<Watch>>,
    /// The loop has just had its turn and JavaScript has not looked yet.
    fresh: Cell<bool>,
    /// When the timer will fire.
    alarm: Cell<Option<Instant>>,
    /// Set while the environment's end waits for the handles to be closed.
    cleanup: Cell<sys::napi_async_cleanup_hook_handle>,
    /// Runs when the environment ends while it serves.
    last_words: RefCell<Option<LastWords>>,
}

type LastWords = Box<dyn FnOnce()>;

impl Inline {
    /// A loop with number `index` on the thread of `env`. It is watched from [`Inline::watch`] on.
    ///
    /// # Errors
    /// Where the loop's descriptor cannot be waited for: the caller falls back to threads.
    pub fn new(env: Env, index: u8, lane: Arc<JsLane>, pump: Pump) -> Result<Rc<Self>> {
        let waker = lane.waker().clone();
        let notified = waker.clone();
        let host = HostLoop::new(index.into(), move || notified.0.notify())
            .map_err(|error| internal(error.to_string()))?;
        waker.0.defer_to(host.turning());
        Ok(Rc::new(Self {
            index,
            host: RefCell::new(Some(host)),
            lane,
            side: RefCell::default(),
            env,
            pump: RefCell::new(Some(pump)),
            watch: RefCell::default(),
            fresh: Cell::new(false),
            alarm: Cell::new(None),
            cleanup: Cell::new(ptr::null_mut()),
            last_words: RefCell::default(),
        }))
    }

    /// Has the environment's event loop drive the loop from now on; `side` is the bridge's end on it.
    ///
    /// # Errors
    /// When the host has no libuv.
    pub fn watch(self: &Rc<Self>, side: Rc<LoopSide>) -> Result<()> {
        *self.side.borrow_mut() = Some(side);
        let descriptor = self.with_host(HostLoop::descriptor).unwrap_or(-1);
        let watch = Watch::start(self.env.raw(), descriptor, Box::new(Driver(self.clone())))?;
        *self.watch.borrow_mut() = Some(watch);
        let mut cleanup = ptr::null_mut();
        let argument = Rc::into_raw(self.clone()).cast_mut().cast::<c_void>();
        // SAFETY: the argument is a reference of its own, taken back by the hook, or by `close` once it has removed the
        // hook.
        let status = unsafe {
            sys::napi_add_async_cleanup_hook(self.env.raw(), Some(end_environment), argument, &mut cleanup)
        };
        if status != sys::Status::napi_ok {
            // SAFETY: nobody has the argument.
            drop(unsafe { Rc::from_raw(argument.cast_const().cast::<Self>()) });
            self.close();
            return Err(internal(format!("registering a cleanup hook failed with status {status}")));
        }
        self.cleanup.set(cleanup);
        Ok(())
    }

    /// Number of the loop.
    pub fn index(&self) -> u8 {
        self.index
    }

    /// Runs `words`, and one more turn of the loop, when the environment ends while the loop serves.
    pub fn at_teardown(&self, words: impl FnOnce() + 'static) {
        *self.last_words.borrow_mut() = Some(Box::new(words));
    }

    /// Runs `work` with the loop; `None` when it has ended.
    pub fn with_host<T>(&self, work: impl FnOnce(&HostLoop) -> T) -> Option<T> {
        self.host.borrow().as_ref().map(work)
    }

    /// Runs `work` with the bridge's end on the loop; `None` when it has ended.
    pub fn with_side<T>(&self, work: impl FnOnce(&LoopSide) -> T) -> Option<T> {
        let side = self.side.borrow().clone()?;
        self.with_host(|host| host.run(|_| work(&side)))
    }

    /// JavaScript is here: its answers are handed over, then the loop takes its turn - unless there was nothing to hand over
    /// and the turn has just been.
    pub fn commit(&self, commands: &[u8]) {
        let was_fresh = self.fresh.replace(false);
        if was_fresh && commands.is_empty() {
            return;
        }
        // What the answers wake needs no word to anybody: the turn follows.
        self.with_host(HostLoop::expect_turn);
        if !commands.is_empty()
            && let Some(side) = self.side.borrow().as_ref()
        {
            self.with_host(|host| host.run(|_| side.commit(Batch::Borrowed(commands))));
        }
        self.turn();
    }

    /// Whether tasks are left that no descriptor will tell of. JavaScript comes again for them by way of the event loop: a
    /// call of the waker from inside a call of the waker would be served before anything else of the process.
    pub fn has_ready(&self) -> bool {
        self.with_host(HostLoop::has_ready).unwrap_or(false)
    }

    /// Has JavaScript come again when it has only handed answers over, and something is left: tasks of the loop, or records.
    pub fn after_commit(&self, has_records: bool) {
        if has_records || self.has_ready() {
            self.lane.waker().0.notify();
        }
    }

    /// Ends the loop and everything on it.
    pub fn close(self: &Rc<Self>) {
        let watch = self.watch.borrow_mut().take();
        if let Some(watch) = watch {
            watch.close();
        }
        let cleanup = self.cleanup.replace(ptr::null_mut());
        if !cleanup.is_null() {
            // SAFETY: registered by `watch`, removed once; the hook has not run, or it would have taken the handle.
            unsafe {
                sys::napi_remove_async_cleanup_hook(cleanup);
                drop(Rc::from_raw(Rc::as_ptr(self)));
            }
        }
        self.end();
    }

    fn end(&self) {
        let (host, pump) = (self.host.borrow_mut().take(), self.pump.borrow_mut().take());
        drop(self.side.borrow_mut().take());
        drop(host);
        drop(pump);
        drop(self.last_words.borrow_mut().take());
    }

    fn turn(&self) -> Option<Turn> {
        let turn = self.with_host(|host| host.turn(BUDGET))?;
        if let Some(due) = turn.deadline {
            // An alarm that comes too early only looks; it is moved when it would come too late.
            if self.alarm.get().is_none_or(|alarm| due < alarm) {
                self.alarm.set(Some(due));
                if let Some(watch) = self.watch.borrow().as_ref() {
                    watch.call_after(due.saturating_duration_since(Instant::now()));
                }
            }
        }
        Some(turn)
    }

    /// The event loop says that something is to be done.
    fn due(&self) {
        if self.lane.is_armed() {
            return;
        }
        let Some(mut turn) = self.turn() else { return };
        let end = turn.began + BUDGET;
        // Answered without JavaScript, and more has come meanwhile, to judge by how much there was: another look is cheaper
        // than another round of the event loop, which looks for itself and then here.
        while turn.events >= BUSY && !self.lane.is_armed() {
            match self.turn() {
                Some(next) if next.began < end => turn = next,
                Some(next) => {
                    turn = next;
                    break;
                }
                None => return,
            }
        }
        if self.lane.is_armed() {
            self.fresh.set(true);
            self.call_pump();
        } else if turn.ready {
            self.lane.waker().0.notify();
        }
    }

    fn call_pump(&self) {
        // Not borrowed: JavaScript may end the loop in this call.
        let Some(pump) = self.pump.borrow_mut().take() else { return };
        let env = self.env.raw();
        let (mut scope, mut receiver, mut result) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: this is the environment's thread, outside of any call into it, so a scope is opened first; all pointers
        // are live locals. A callback made this way runs microtasks and `nextTick` afterwards.
        unsafe {
            if sys::napi_open_handle_scope(env, &mut scope) != sys::Status::napi_ok {
                return;
            }
            if let Ok(function) = pump.borrow_back(&self.env)
                && sys::napi_get_global(env, &mut receiver) == sys::Status::napi_ok
            {
                let status = sys::napi_make_callback(
                    env,
                    ptr::null_mut(),
                    receiver,
                    function.raw(),
                    0,
                    ptr::null(),
                    &mut result,
                );
                report_exception(env, status);
            }
            sys::napi_close_handle_scope(env, scope);
        }
        if self.host.borrow().is_some() {
            *self.pump.borrow_mut() = Some(pump);
        }
    }
}

struct Driver(Rc<Inline>);

impl Watcher for Driver {
    fn readable(&self) {
        self.0.due();
    }

    fn time(&self) {
        self.0.alarm.set(None);
        self.0.due();
    }

    fn closed(&self) {
        let cleanup = self.0.cleanup.replace(ptr::null_mut());
        if !cleanup.is_null() {
            // SAFETY: the hook of this environment's end, which waits for this call.
            unsafe { sys::napi_remove_async_cleanup_hook(cleanup) };
        }
    }
}

unsafe extern "C" fn end_environment(_handle: sys::napi_async_cleanup_hook_handle, argument: *mut c_void) {
    // SAFETY: the reference that `watch` gave to this hook, which runs once and only while it was not removed.
    let inline = unsafe { Rc::from_raw(argument.cast_const().cast::<Inline>()) };
    // A panic must not unwind into Node; the panic hook has reported it.
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let words = inline.last_words.borrow_mut().take();
        if let Some(words) = words {
            inline.with_host(|host| {
                host.expect_turn();
                words();
                host.turn(LAST_WORDS);
            });
        }
        inline.end();
        let watch = inline.watch.borrow_mut().take();
        if let Some(watch) = watch {
            // The environment ends when this has called back: `Driver::closed` removes the hook.
            watch.close();
        }
    }));
}
