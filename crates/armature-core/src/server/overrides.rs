//! What layers have in place of the server's settings, around one handler.

use std::sync::Arc;
use std::time::Duration;

use crate::config::Settings;
use crate::pipeline::{Effect, LayerFactory};

/// The settings that count for a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overrides {
    /// Time to the head of the answer.
    pub timeout: Duration,
    /// Bytes of a body, as it is sent.
    pub body_limit: u64,
    /// Bytes of a body whose coding was undone, where a limit was declared inside the layer that does it.
    pub decoded_limit: Option<u64>,
    /// Whether there is such a layer.
    decodes: bool,
}

impl Overrides {
    /// Those of the server.
    pub fn of(settings: &Settings) -> Self {
        Self {
            timeout: settings.timeouts.handler,
            body_limit: settings.limits.body,
            decoded_limit: None,
            decodes: false,
        }
    }

    /// The same inside `layers`, outermost first.
    pub fn inside(mut self, layers: &[Arc<dyn LayerFactory>]) -> Self {
        for layer in layers {
            match layer.effect() {
                Effect::None => {}
                Effect::Decodes => (self.decodes, self.decoded_limit) = (true, None),
                Effect::Timeout(timeout) => self.timeout = timeout,
                Effect::BodyLimit(limit) => {
                    self.body_limit = limit;
                    self.decoded_limit = self.decodes.then_some(limit);
                }
            }
        }
        self
    }

    /// The same for a route with options of its own, which say nothing of decoded bodies.
    pub fn with(mut self, timeout: Option<Duration>, body_limit: Option<u64>) -> Self {
        self.timeout = timeout.unwrap_or(self.timeout);
        if let Some(limit) = body_limit {
            (self.body_limit, self.decoded_limit) = (limit, None);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment, Millis, Size};
    use crate::layer::{
        BodyLimit, BodyLimitOptions, Decompress, DecompressOptions, RequestIdLayer, RequestIdOptions,
        Timeout, TimeoutLayerOptions,
    };

    fn server() -> Overrides {
        Overrides::of(&Settings::resolve(Config::default(), &Environment::default()).unwrap())
    }

    fn body(max: u64) -> Arc<dyn LayerFactory> {
        Arc::new(BodyLimit::new(BodyLimitOptions { max: Some(Size(max)) }).unwrap())
    }

    fn timeout(seconds: u64) -> Arc<dyn LayerFactory> {
        let handler = Some(Millis::seconds(seconds));
        Arc::new(Timeout::new(TimeoutLayerOptions { handler }).unwrap())
    }

    fn decompress() -> Arc<dyn LayerFactory> {
        Arc::new(Decompress::new(DecompressOptions::default()).unwrap())
    }

    fn seen(overrides: Overrides) -> (u64, u64, Option<u64>) {
        (overrides.timeout.as_secs(), overrides.body_limit, overrides.decoded_limit)
    }

    #[test]
    fn the_innermost_counts() {
        let outer = server();
        assert_eq!(seen(outer), (30, 1 << 20, None));
        let other: Arc<dyn LayerFactory> =
            Arc::new(RequestIdLayer::new(RequestIdOptions::default()).unwrap());
        let app = outer.inside(&[timeout(5), body(100), other, timeout(60)]);
        assert_eq!(seen(app), (60, 100, None));
        let scope = app.inside(&[body(1 << 30)]);
        assert_eq!(seen(scope), (60, 1 << 30, None));
        assert_eq!(seen(scope.with(Some(Duration::from_secs(1)), Some(7))), (1, 7, None));
        assert_eq!(seen(scope.with(None, None)), seen(scope));
        assert_eq!(seen(app.inside(&[])), seen(app));
    }

    #[test]
    fn a_limit_inside_a_layer_that_decodes_counts_for_what_it_gives() {
        let outer = server();
        assert_eq!(seen(outer.inside(&[body(5), decompress()])), (30, 5, None));
        let inside = outer.inside(&[decompress(), body(5)]);
        assert_eq!(seen(inside), (30, 5, Some(5)));
        assert_eq!(seen(inside.inside(&[body(9)])), (30, 9, Some(9)));
        assert_eq!(seen(inside.inside(&[decompress()])), (30, 5, None));
        assert_eq!(seen(inside.with(None, Some(7))), (30, 7, None));
    }
}
