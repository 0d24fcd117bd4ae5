//! Another protocol on the connection of a request: `cargo run -p armature-core --example upgrade`, then
//! `(printf 'GET /echo HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n'; cat) | nc localhost 3000`.

use std::time::Duration;

use armature_core::config::{Config, Environment, Settings};
use armature_core::handler::upgrade;
use armature_core::http::{Method, Upgraded};
use armature_core::server::{App, Server};

/// Sends back what comes, until the client has said all, or the server says goodbye.
async fn echo(io: Upgraded) {
    let mut closing = io.closing();
    let mut buf = vec![0; 16 * 1024];
    loop {
        let n = tokio::select! {
            read = io.read(&mut buf) => read.unwrap_or(0),
            () = &mut closing => {
                let _ = io.write_all(b"the server is closing\n").await;
                return;
            }
        };
        if n == 0 || io.write_all(&buf[..n]).await.is_err() {
            return;
        }
    }
}

fn main() -> Result<(), armature_core::error::Error> {
    let app = App::new().route(Method::GET, "/echo", upgrade("echo", echo));
    let port = std::env::var("PORT").ok();
    let environment = Environment { port, ..Environment::default() };
    let settings = Settings::resolve(Config::from_json("{}")?, &environment)?;
    let server = Server::start(app.build()?, settings)?;
    #[allow(clippy::print_stdout, reason = "an example tells people where it listens")]
    for address in server.addresses() {
        println!("http://{address}/echo");
    }
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    server.close(Duration::from_secs(5));
    Ok(())
}
