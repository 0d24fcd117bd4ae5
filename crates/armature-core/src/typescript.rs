//! Exports option types to the TypeScript facade. Tests only: each room compares its file with what its structs say.

use std::{fmt::Write as _, fs, path::Path};

use ts_rs::{Config as Options, TS};

/// Fails when `src/generated/<name>.ts` is not what `types` appended to the header; UPDATE_TYPES=1 rewrites it.
pub fn check(name: &str, types: impl FnOnce(&mut String)) {
    let mut out = String::from(
        "// Generated from the option structs of crates/armature-core. Do not edit; after a change there run\n\
         // UPDATE_TYPES=1 cargo test -p armature-core exports_typescript_types\n",
    );
    types(&mut out);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../src/generated/{name}.ts"));
    if std::env::var_os("UPDATE_TYPES").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &out).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(committed, out, "src/generated/{name}.ts is stale; see its first lines for how to renew it");
}

fn options() -> Options {
    Options::new().with_large_int("number")
}

/// A struct of fields, most of them optional. Our documentation has no blank lines, so that each field is its comment and
/// one line.
pub fn interface<T: TS>(out: &mut String, extends: &str) {
    let inline = T::inline(&options());
    let body = inline.strip_prefix("{ ").and_then(|body| body.strip_suffix(" }")).expect("a struct");
    let mut comment = Vec::new();
    start::<T>(out);
    writeln!(out, "export interface {}{extends} {{", T::ident(&options())).unwrap();
    for line in body.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match (line, line.strip_prefix('*')) {
            ("/**" | "*/", _) => {}
            (_, Some(text)) => comment.push(text.trim()),
            (field, None) => {
                write_comment(out, "  ", &comment);
                comment.clear();
                // ts-rs knows no `undefined`; no option may be null.
                let field = field.trim_end_matches(',').replace("| null", "| undefined").replace('"', "'");
                let field = readonly(&field);
                assert_eq!(field.contains("?: "), field.ends_with("| undefined"), "{field}");
                writeln!(out, "  {field}").unwrap();
            }
        }
    }
    out.push_str("}\n");
}

/// Lists of options are only read.
fn readonly(field: &str) -> String {
    match field.split_once("Array<") {
        Some((before, rest)) => rest.replacen('>', "[]", 1).replacen("", &format!("{before}readonly "), 1),
        None => field.to_owned(),
    }
}

/// The names of the fields of a struct, as a constant.
pub fn names<T: TS>(out: &mut String, comment: &str, constant: &str) {
    let inline = T::inline(&options());
    let fields = inline.lines().filter_map(|line| line.trim().trim_start_matches("{ ").split_once("?: "));
    let names: Vec<_> = fields.map(|(name, _)| format!("'{}'", name.trim_matches('"'))).collect();
    writeln!(out, "\n/** {comment} */\nexport const {constant} = [{}] as const", names.join(", ")).unwrap();
}

pub fn alias<T: TS>(out: &mut String) {
    start::<T>(out);
    let inline = T::inline(&options()).replace('"', "'");
    writeln!(out, "export type {} = {inline}", T::ident(&options())).unwrap();
}

fn start<T: TS>(out: &mut String) {
    out.push('\n');
    let docs = T::docs().unwrap_or_default();
    let lines = docs.lines().map(str::trim).filter(|line| !matches!(*line, "/**" | "*/"));
    let lines: Vec<_> = lines.map(|line| line.trim_start_matches('*').trim()).collect();
    write_comment(out, "", &lines);
}

fn write_comment(out: &mut String, indent: &str, lines: &[&str]) {
    // A glob such as `**/*.ts` has what ends a comment.
    let lines: Vec<_> = lines.iter().map(|line| line.replace("*/", "*\\/")).collect();
    match &lines[..] {
        [] => panic!("a public option without documentation"),
        [line] => writeln!(out, "{indent}/** {line} */").unwrap(),
        lines => {
            writeln!(out, "{indent}/**").unwrap();
            lines.iter().for_each(|line| writeln!(out, "{indent} * {line}").unwrap());
            writeln!(out, "{indent} */").unwrap();
        }
    }
}

mod tests {
    use super::*;

    /// Files such as `**/*.ts`.
    #[derive(TS)]
    #[ts(optional_fields = nullable)]
    #[expect(dead_code, reason = "only its type is read")]
    struct Globs {
        /// As in `src/*/index.ts`,
        /// and not in */.
        paths: Option<String>,
        /// All, as with `**/`.
        all: Option<bool>,
    }

    #[test]
    fn documentation_cannot_end_its_comment() {
        let mut out = String::new();
        interface::<Globs>(&mut out, "");
        let expected = r"
/** Files such as `**\/*.ts`. */
export interface Globs {
  /**
   * As in `src/*\/index.ts`,
   * and not in *\/.
   */
  paths?: string | undefined
  /** All, as with `**\/`. */
  all?: boolean | undefined
}
";
        assert_eq!(out, expected);
    }
}
