//! The option types of the TypeScript facade are exported from the structs here, so that the two cannot
//! differ.

use super::*;
use crate::typescript::{alias, check, interface, names};

#[test]
fn exports_typescript_types() {
    check("config", |out| {
        out.push_str("import type { LogLike } from '../log/types.js'\n");
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
        interface::<AcmeConfig>(out, "");
        interface::<WorkersConfig>(out, "");
        interface::<WatchConfig>(out, "");
        interface::<LogConfig>(out, "");
        interface::<LogFileConfig>(out, "");
        alias::<LogOutput>(out);
        alias::<LogLevel>(out);
        alias::<LogStyle>(out);
        alias::<LogPeriod>(out);
        interface::<FilesConfig>(out, "");
        interface::<WebSocketConfig>(out, "");
        interface::<WebSocketLimits>(out, "");
        interface::<WebSocketDeflate>(out, "");
        interface::<WebSocketTimeouts>(out, "");
        alias::<WsOrigins>(out);
        alias::<SlowConsumer>(out);
        alias::<TrailingSlash>(out);
        alias::<Size>(out);
        alias::<Millis>(out);
    });
}
