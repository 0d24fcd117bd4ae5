//! Where nobody else can wait for what a loop waits for there is no inline driver, and IO threads take its place.

use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;

use armature_core::io_loop::HostLoop;
use napi::Env;
use napi::bindgen_prelude::FunctionRef;

use super::lane::JsLane;
use super::loop_side::LoopSide;
use crate::error::{Result, internal};

/// A function of JavaScript without arguments.
pub type Pump = FunctionRef<(), ()>;

/// Cannot exist here.
pub struct Inline(Infallible);

impl Inline {
    /// Always an error.
    ///
    /// # Errors
    /// Always.
    pub fn new(_: Env, _: u8, _: Arc<JsLane>, _: Pump) -> Result<Rc<Self>> {
        Err(internal("this system has no epoll"))
    }

    /// Never called.
    pub fn watch(self: &Rc<Self>, _: Rc<LoopSide>) -> Result<()> {
        match self.0 {}
    }

    /// Never called.
    pub fn index(&self) -> u8 {
        match self.0 {}
    }

    /// Never called.
    pub fn at_teardown(&self, _: impl FnOnce() + 'static) {
        match self.0 {}
    }

    /// Never called.
    pub fn with_host<T>(&self, _: impl FnOnce(&HostLoop) -> T) -> Option<T> {
        match self.0 {}
    }

    /// Never called.
    pub fn with_side<T>(&self, _: impl FnOnce(&LoopSide) -> T) -> Option<T> {
        match self.0 {}
    }

    /// Never called.
    pub fn commit(&self, _: &[u8]) {
        match self.0 {}
    }

    /// Never called.
    pub fn has_ready(&self) -> bool {
        match self.0 {}
    }

    /// Never called.
    pub fn after_commit(&self, _: bool) {
        match self.0 {}
    }

    /// Never called.
    pub fn close(self: &Rc<Self>) {
        match self.0 {}
    }
}
