//! The names in a folder as a page.

use std::fmt::Write as _;
use std::fs::File;
use std::io;

use super::options::Dotfiles;
use crate::platform;

/// A page with links to what is in `folder`: folders first, then by name.
pub(super) fn page(folder: &File, most: usize, dotfiles: Dotfiles) -> io::Result<String> {
    let (mut names, is_cut) = platform::list(folder, most)?;
    names.retain(|entry| dotfiles == Dotfiles::Allow || !entry.name.starts_with('.'));
    names.sort_by(|a, b| b.is_folder.cmp(&a.is_folder).then_with(|| a.name.cmp(&b.name)));
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Files</title>\n<ul>\n\
         <li><a href=\"../\">../</a></li>\n",
    );
    for entry in names {
        let slash = if entry.is_folder { "/" } else { "" };
        page.push_str("<li><a href=\"./");
        escape_path(&entry.name, &mut page);
        let _ = write!(page, "{slash}\">");
        escape_text(&entry.name, &mut page);
        let _ = writeln!(page, "{slash}</a></li>");
    }
    page.push_str("</ul>\n");
    if is_cut {
        let _ = writeln!(page, "<p>Only {most} names are shown.</p>");
    }
    page.push_str("</html>\n");
    Ok(page)
}

fn escape_path(name: &str, out: &mut String) {
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

fn escape_text(name: &str, out: &mut String) {
    for c in name.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped() {
        let mut out = String::new();
        escape_text("<script>\"&\n", &mut out);
        assert_eq!(out, "&lt;script&gt;&quot;&amp;\u{fffd}");
        out.clear();
        escape_path("a b\"<%2f>?#\u{e9}", &mut out);
        assert_eq!(out, "a%20b%22%3C%252f%3E%3F%23%C3%A9");
    }
}
