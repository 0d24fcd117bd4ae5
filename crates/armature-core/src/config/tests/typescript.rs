//! The option types of the TypeScript facade are exported from the structs here, so that the two cannot
//! differ.

use super::*;
use crate::typescript::{alias, check, interface, names};

#[test]
fn exports_typescript_types() {
    check("config", |out| {
        interface::<AppConfig>(out, "");
        interface::<Config>(out, " extends AppOptions");
        let only = "What only `run()` takes: where and on which threads an application runs.";
        names::<Config>(out, only, "RUN_ONLY");
        interface::<LimitsConfig>(out, "");
        interface::<TimeoutsConfig>(out, "");
        alias::<ListenConfig>(out);
        interface::<ListenerConfig>(out, "");
        interface::<Http3Config>(out, "");
        interface::<TlsConfig>(out, "");
        interface::<CertificateConfig>(out, "");
        interface::<WorkersConfig>(out, "");
        interface::<WatchConfig>(out, "");
        alias::<TrailingSlash>(out);
        alias::<Size>(out);
        alias::<Millis>(out);
    });
}
