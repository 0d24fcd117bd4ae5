//! Layers and a handler, compiled to one list per route.

use std::rc::Rc;

use super::{Handler, Layer, LocalFuture};
use crate::http::{Request, Response};

/// The layers around one handler, outermost first.
pub struct Chain {
    layers: Box<[Rc<dyn Layer>]>,
    handler: Rc<dyn Handler>,
}

impl Chain {
    /// A chain of `layers` (outermost first) around `handler`.
    pub fn new(layers: Vec<Rc<dyn Layer>>, handler: Rc<dyn Handler>) -> Rc<Self> {
        Rc::new(Self { layers: layers.into_boxed_slice(), handler })
    }

    /// Runs a request through the whole chain.
    pub fn run(self: &Rc<Self>, request: Request) -> LocalFuture<Response> {
        if self.layers.is_empty() {
            return self.handler.clone().call(request);
        }
        Next { chain: self.clone(), at: 0 }.run(request)
    }
}

/// The rest of a chain. `Clone` and `'static`, so a layer may keep it beyond the answer.
#[derive(Clone)]
pub struct Next {
    chain: Rc<Chain>,
    at: usize,
}

impl Next {
    /// Runs what is left of the chain.
    pub fn run(self, request: Request) -> LocalFuture<Response> {
        match self.chain.layers.get(self.at) {
            Some(layer) => layer.clone().call(request, Next { at: self.at + 1, chain: self.chain }),
            None => self.chain.handler.clone().call(request),
        }
    }
}
