//! Sockets that the parent of the process has bound, as systemd does for socket activation (sd_listen_fds(3)).

use std::io;

use socket2::SockRef;

use super::bind::{Bound, prepare};
use crate::config::Descriptor;
use crate::http::Address;
use crate::platform::{self, Inherited};

/// The first descriptor that systemd passes.
const FIRST: u64 = 3;

/// The listening socket that `descriptor` is.
///
/// # Errors
/// When it has not been taken over, or is no listening socket; with what the variables of socket activation say.
pub(super) fn open(descriptor: &Descriptor) -> io::Result<(Bound, Address)> {
    let socket = match descriptor.socket() {
        Some(socket) => platform::inherit(socket),
        None => Err(io::Error::new(io::ErrorKind::NotFound, "there is no such descriptor")),
    };
    match socket {
        Ok((Inherited::Tcp(tcp), address)) => {
            prepare(&SockRef::from(&tcp))?;
            Ok((Bound::Tcp(tcp), address))
        }
        Ok((Inherited::Unix(unix), address)) => Ok((Bound::Unix(unix), address)),
        Err(error) => {
            let hint = hint(descriptor.number().into(), std::process::id(), |name| std::env::var(name).ok());
            Err(io::Error::new(error.kind(), format!("{error}{hint}")))
        }
    }
}

/// What LISTEN_FDS and LISTEN_PID tell about a descriptor that is of no use.
fn hint(number: u64, own: u32, variable: impl Fn(&str) -> Option<String>) -> String {
    let read = |name| variable(name)?.trim().parse::<u64>().ok();
    let Some(count) = read("LISTEN_FDS") else { return String::new() };
    match read("LISTEN_PID") {
        Some(other) if other != u64::from(own) => format!(
            "; LISTEN_PID says that the sockets are for process {other}, and this one is {own}: let systemd start node \
             itself, not npm or a shell"
        ),
        _ if count == 0 => "; LISTEN_FDS says that none was passed".into(),
        _ if !(FIRST..FIRST + count).contains(&number) => {
            format!("; LISTEN_FDS says that those from {FIRST} to {} were passed", FIRST + count - 1)
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variables_of_socket_activation_explain() {
        let hint = |number, fds: &str, pid: &str| {
            hint(number, 100, |name| {
                let value = if name == "LISTEN_FDS" { fds } else { pid };
                (!value.is_empty()).then(|| value.to_owned())
            })
        };
        assert_eq!(hint(3, "", ""), "");
        assert_eq!(hint(3, "1", "100"), "");
        assert_eq!(hint(3, "1", ""), "");
        assert!(hint(3, "1", "99").contains("for process 99, and this one is 100"));
        assert!(hint(4, "1", "100").contains("from 3 to 3"));
        assert!(hint(2, "2", "100").contains("from 3 to 4"));
        assert!(hint(3, "0", "100").contains("none was passed"));
    }
}
