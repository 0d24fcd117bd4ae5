//! An application as JavaScript describes it (`src/plan.ts`), into core's definition.

use std::sync::Arc;

use armature_core::config::{Config, parse_body_limit, parse_handler_timeout, parse_value, parse_websocket};
use armature_core::handler::{Files, Fixed};
use armature_core::http::{HeaderName, HeaderValue, Method, StatusCode};
use armature_core::layer::RouteName;
use armature_core::pipeline::{HandlerFactory, LayerFactory};
use armature_core::router::MethodPattern;
use armature_core::server::{Definition, Generation, RouteDefinition, ScopeDefinition};
use bytes::Bytes;
use napi::bindgen_prelude::Buffer;
use serde::Deserialize;

use crate::error::{Result, internal, js};
use crate::handler::{JsHandlerFactory, SocketRoute};
use crate::options::{LayerContext, layer};
use crate::wiring::Wiring;

/// See `src/plan.ts`, which documents the fields.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawPlan {
    config: serde_json::Value,
    layers: Vec<LayerSpec>,
    scopes: Vec<ScopeSpec>,
    routes: Vec<RouteSpec>,
    files: Vec<FilesSpec>,
}

/// A plan whose options have been read.
pub struct Plan {
    pub config: Config,
    layers: Vec<LayerSpec>,
    scopes: Vec<ScopeSpec>,
    routes: Vec<RouteSpec>,
    files: Vec<FilesSpec>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LayerSpec {
    r#type: String,
    options: serde_json::Value,
    /// Of `Health`.
    #[serde(default)]
    checks: Vec<CheckSpec>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CheckSpec {
    name: String,
    options: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FilesSpec {
    dir: String,
    /// Read by core, for messages that name the option.
    options: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ScopeSpec {
    prefix: String,
    parent: Option<usize>,
    layers: Vec<usize>,
    fallback: Option<HandlerSpec>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RouteSpec {
    scope: usize,
    method: String,
    path: String,
    layers: Vec<usize>,
    handler: HandlerSpec,
    /// Read by [`option`], for a message that names the route.
    body_limit: Option<serde_json::Value>,
    timeout: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", deny_unknown_fields)]
enum HandlerSpec {
    Js {
        id: u32,
    },
    /// `options` as [`parse_websocket`] reads them.
    Ws {
        id: u32,
        options: serde_json::Value,
        /// Whether its sockets outlive the thread of their handlers.
        reopens: bool,
    },
    Fixed {
        id: Option<u32>,
        status: u16,
        headers: Vec<(String, String)>,
        body: Option<usize>,
    },
    Files {
        id: Option<u32>,
        files: usize,
        depth: usize,
    },
}

impl Plan {
    pub fn from_json(json: &str) -> Result<Self> {
        let raw: RawPlan = serde_json::from_str(json).map_err(|e| internal(format!("plan: {e}")))?;
        let config = Config::from_json(&raw.config.to_string()).map_err(js)?;
        let RawPlan { layers, scopes, routes, files, .. } = raw;
        Ok(Self { config, layers, scopes, routes, files })
    }

    /// Builds generation number `number` of the routes.
    pub fn into_generation(
        self,
        buffers: &[Buffer],
        wiring: &Arc<Wiring>,
        number: u32,
    ) -> Result<Generation> {
        let files = self
            .files
            .into_iter()
            .map(|spec| {
                let options = parse_value("files()", spec.options)?;
                Files::new(spec.dir, options, wiring.files.clone())
            })
            .collect::<armature_core::error::Result<Vec<_>>>()
            .map_err(js)?;
        let target = Target { buffers, wiring, files: &files, generation: number };
        let patterns: Arc<[String]> = self.routes.iter().map(|route| route.path.clone()).collect();
        let names: Vec<_> = self.routes.iter().map(RouteSpec::name).collect();
        let layers = self
            .layers
            .into_iter()
            .enumerate()
            .filter_map(|(number, spec)| {
                let checks = spec.checks.into_iter().map(|check| (check.name, check.options)).collect();
                let routes = patterns.clone();
                let generation = target.generation;
                let context = LayerContext { wiring, routes, generation, number, checks, names: &names };
                layer(&spec.r#type, spec.options, Some(&context)).transpose()
            })
            .collect::<Result<Vec<_>>>()?;
        let pick = |indices: &[usize]| -> Result<Vec<Arc<dyn LayerFactory>>> {
            indices
                .iter()
                .map(|i| layers.get(*i).cloned().ok_or_else(|| internal("plan: no such layer")))
                .collect()
        };
        let scopes = self
            .scopes
            .iter()
            .map(|scope| {
                Ok(ScopeDefinition {
                    prefix: scope.prefix.clone(),
                    parent: scope.parent,
                    layers: pick(&scope.layers)?,
                    fallback: scope.fallback.as_ref().map(|h| h.build(&target, "")).transpose()?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let routes = self
            .routes
            .iter()
            .map(|route| {
                Ok(RouteDefinition {
                    scope: route.scope,
                    method: method(&route.method)?,
                    pattern: route.path.clone(),
                    layers: pick(&route.layers)?,
                    handler: route.handler.build(&target, &format!("{} {}", route.method, route.path))?,
                    body_limit: option(route, "limits.body", &route.body_limit, parse_body_limit)?,
                    timeout: option(route, "timeout", &route.timeout, parse_handler_timeout)?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let trailing_slash = wiring.settings.trailing_slash;
        Generation::new(Definition { trailing_slash, scopes, routes }).map_err(js)
    }
}

impl RouteSpec {
    fn name(&self) -> RouteName {
        let method = if self.method == "*" { "ANY" } else { &self.method };
        RouteName { method: method.to_owned(), pattern: self.path.clone() }
    }
}

/// An option of one route.
fn option<T>(
    route: &RouteSpec,
    name: &str,
    value: &Option<serde_json::Value>,
    parse: impl Fn(&str, serde_json::Value) -> armature_core::error::Result<T>,
) -> Result<Option<T>> {
    let Some(value) = value else { return Ok(None) };
    let RouteName { method, pattern } = route.name();
    parse(&format!("{name} of {method} {pattern}"), value.clone()).map(Some).map_err(js)
}

fn method(name: &str) -> Result<MethodPattern> {
    if name == "*" {
        return Ok(MethodPattern::Any);
    }
    Method::from_bytes(name.as_bytes())
        .map(MethodPattern::One)
        .map_err(|_| internal(format!("plan: '{name}' is not a method")))
}

/// What handlers are built for.
struct Target<'a> {
    buffers: &'a [Buffer],
    wiring: &'a Arc<Wiring>,
    files: &'a [Files],
    generation: u32,
}

impl HandlerSpec {
    /// `route` is what the route is called in every generation.
    fn build(&self, target: &Target<'_>, route: &str) -> Result<Arc<dyn HandlerFactory>> {
        let Target { buffers, wiring, files: folders, generation } = *target;
        let js_handler = |id, native| -> Arc<dyn HandlerFactory> {
            Arc::new(JsHandlerFactory { id, generation, native, socket: None, wiring: wiring.clone() })
        };
        match self {
            Self::Js { id } => Ok(js_handler(*id, None)),
            Self::Ws { id, options, reopens } => {
                let settings = Arc::new(parse_websocket("ws()", options.clone()).map_err(js)?);
                let route: Arc<str> = route.into();
                if *reopens {
                    wiring.revivals.insert(generation, route.clone(), *id);
                }
                let (socket, wiring) = (Some(SocketRoute { settings, route }), wiring.clone());
                Ok(Arc::new(JsHandlerFactory { id: *id, generation, native: None, socket, wiring }))
            }
            Self::Files { id, files, depth } => {
                let files = folders.get(*files).ok_or_else(|| internal("plan: no such folder"))?;
                let files: Arc<dyn HandlerFactory> = Arc::new(files.clone().below(*depth));
                Ok(match id {
                    Some(id) => js_handler(*id, Some(files)),
                    None => files,
                })
            }
            Self::Fixed { id, status, headers, body } => {
                let fixed: Arc<dyn HandlerFactory> = Arc::new(fixed(*status, headers, *body, buffers)?);
                Ok(match id {
                    Some(id) => js_handler(*id, Some(fixed)),
                    None => fixed,
                })
            }
        }
    }
}

fn fixed(
    status: u16,
    headers: &[(String, String)],
    body: Option<usize>,
    buffers: &[Buffer],
) -> Result<Fixed> {
    let status = StatusCode::from_u16(status).map_err(|e| internal(format!("plan: {e}")))?;
    let body = match body {
        Some(index) => buffers.get(index).ok_or_else(|| internal("plan: no such buffer"))?.to_vec(),
        None => Vec::new(),
    };
    let mut fixed = Fixed::new(status, Bytes::from(body));
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|e| internal(format!("plan: {e}")))?;
        let value = HeaderValue::from_str(value).map_err(|e| internal(format!("plan: {e}")))?;
        fixed = fixed.header(name, value);
    }
    Ok(fixed)
}
