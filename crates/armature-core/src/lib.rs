//! The HTTP engine of Armature: listeners, protocols, router, layers, handlers. It knows no JavaScript and is usable from
//! Rust alone.
//!
//! ```
//! use std::time::Duration;
//!
//! use armature_core::config::{Config, Environment, Settings};
//! use armature_core::http::{Method, Request, Response};
//! use armature_core::pipeline::HandlerFn;
//! use armature_core::server::{App, Server};
//!
//! let generation = App::new()
//!     .route(Method::GET, "/hello/:name", HandlerFn(|request: Request| async move {
//!         Response::text(format!("hello {}", request.param(0).unwrap_or("nobody")))
//!     }))
//!     .build()?;
//! let config = Config::from_json(r#"{ "listen": "127.0.0.1:0" }"#)?;
//! let server = Server::start(generation, Settings::resolve(config, &Environment::default())?)?;
//! println!("listening on {}", server.addresses()[0]);
//! server.close(Duration::from_secs(1));
//! # Ok::<(), armature_core::error::Error>(())
//! ```
//!
//! The rooms, in the order a request passes them:
//!
//! | room | job |
//! |---|---|
//! | [`config`] | options into validated [`config::Settings`], once, at start |
//! | [`io_loop`] | one thread: tasks, sockets, timers; owns its connections |
//! | [`listener`] | sockets |
//! | [`protocol`] | bytes into [`http::Request`], [`http::Response`] into bytes |
//! | [`server`] | start, dispatch, limits, drain |
//! | [`router`] | method and path into a route |
//! | [`pipeline`] | layers around a handler |
//! | [`layer`], [`handler`] | the native ones |
//! | [`log`] | outputs of logs |
//! | [`store`] | what processes share: Redis; values by key |
//!
//! A request may leave HTTP: [`http::Response::upgrade`] hands its connection over to another protocol, and
//! [`handler::upgrade`] serves one at a path.

pub mod config;
pub mod error;
pub mod handler;
pub mod http;
pub mod io_loop;
pub mod layer;
pub mod listener;
pub mod log;
pub mod metrics;
pub mod pipeline;
mod platform;
pub mod protocol;
pub mod router;
pub mod server;
pub mod store;
pub mod testing;
#[cfg(test)]
mod typescript;
