//! The task of a connection: the connection itself, then what follows its end. Most of its life is the former, which lies in the
//! task as it is; what follows has a box of its own, so that a connection that waits need not have room for it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::connection::{Connection, End};
use super::linger::Linger;
use super::upgrade;
use crate::protocol::{Dispatch, h2};

/// See the module. `keep` is dropped when everything is over.
pub(super) struct Serving<D, K> {
    stage: Stage<D>,
    keep: Option<K>,
}

enum Stage<D> {
    Serving(Connection<D>),
    Ending(Pin<Box<dyn Future<Output = ()>>>),
    Over,
}

// Nothing in it is pinned.
impl<D, K> Unpin for Serving<D, K> {}

impl<D: Dispatch + 'static, K> Serving<D, K> {
    pub fn new(connection: Connection<D>, keep: K) -> Self {
        Self { stage: Stage::Serving(connection), keep: Some(keep) }
    }
}

impl<D: Dispatch + 'static, K> Future for Serving<D, K> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if let Stage::Serving(connection) = &mut this.stage {
            let end = ready!(Pin::new(connection).poll(cx));
            if let Stage::Serving(connection) = std::mem::replace(&mut this.stage, Stage::Over)
                && let Some(rest) = after(connection, end)
            {
                this.stage = Stage::Ending(rest);
            }
        }
        if let Stage::Ending(rest) = &mut this.stage {
            ready!(rest.as_mut().poll(cx));
            this.stage = Stage::Over;
        }
        this.keep = None;
        Poll::Ready(())
    }
}

/// What there is to do when a connection has come to its `end`.
fn after<D: Dispatch + 'static>(
    connection: Connection<D>,
    end: End,
) -> Option<Pin<Box<dyn Future<Output = ()>>>> {
    let since = connection.since;
    let (stream, peer, control, server) = connection.into_parts();
    match end {
        End::Close => Some(Box::pin(Linger::new(stream, control, server.io_loop()))),
        End::Reset => {
            stream.reset_on_close();
            None
        }
        End::Gone => None,
        End::Upgrade(switch) => Some(Box::pin(async move {
            match upgrade::run(*switch, &stream, &control, server.metrics()).await {
                End::Close => Linger::new(stream, control, server.io_loop()).await,
                End::Reset => stream.reset_on_close(),
                End::Gone | End::Upgrade(_) | End::Http2(_) => {}
            }
        })),
        End::Http2(preface) => Some(Box::pin(h2::run((stream, peer, preface.0, since), server, control))),
    }
}
