//! A server in Rust alone: `cargo run -p armature-core --example hello`, then `curl localhost:3000/hello/you`.

use std::time::Duration;

use armature_core::config::{Config, Environment, Settings};
use armature_core::http::{Method, Request, Response};
use armature_core::layer::{LogFormat, Logger, LoggerOptions};
use armature_core::pipeline::HandlerFn;
use armature_core::server::{App, Server};

fn main() -> Result<(), armature_core::error::Error> {
    let app = App::new()
        .layer(Logger::new(LoggerOptions { format: Some(LogFormat::Dev), ..Default::default() })?.start()?)
        .route(Method::GET, "/", HandlerFn(|_: Request| async { Response::text("try /hello/you\n") }))
        .route(
            Method::GET,
            "/hello/:name",
            HandlerFn(|request: Request| async move {
                Response::text(format!("hello {}\n", request.param(0).unwrap_or("nobody")))
            }),
        );
    let config = Config::from_json("{}")?.merge(Config::from_env(armature_variables())?);
    let port = std::env::var("PORT").ok();
    let settings = Settings::resolve(config, &Environment { port, ..Environment::default() })?;
    let server = Server::start(app.build()?, settings)?;
    #[allow(clippy::print_stdout, reason = "an example tells people where it listens")]
    for address in server.addresses() {
        println!("http://{address}/");
    }
    // Serves until standard input ends.
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    server.close(Duration::from_secs(5));
    Ok(())
}

fn armature_variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars().filter(|(name, _)| name.starts_with("ARMATURE_"))
}
