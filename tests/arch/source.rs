//! Reading Rust sources as text: enough to find who calls what.

use crate::tree;

/// The code of a file: without comments, and without its unit tests where they end the file.
pub fn code(path: &str) -> String {
    let text = tree::read(path);
    let product = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = product.lines().map(without_comment);
    lines.collect::<Vec<_>>().join("\n")
}

/// Cuts a line at `//`, except inside an address such as `http://`.
fn without_comment(line: &str) -> &str {
    match line.find("//") {
        Some(at) if !line[..at].ends_with(':') => &line[..at],
        _ => line,
    }
}

/// Sources of a crate that are shipped: no test modules.
pub fn product_files(prefix: &str) -> Vec<&'static str> {
    let mut files = tree::files_under(prefix, ".rs");
    files.retain(|path| !is_test(path));
    files
}

fn is_test(path: &str) -> bool {
    path.starts_with("tests/")
        || path.contains("/tests/")
        || path.ends_with("/tests.rs")
        || path.ends_with("_tests.rs")
}

/// Files of product code that hold one of the texts.
pub fn files_with(texts: &[&str]) -> Vec<&'static str> {
    let holds = |path: &&str| {
        let code = code(path);
        texts.iter().any(|text| code.contains(text))
    };
    product_files("crates/").into_iter().filter(holds).collect()
}

/// Variants of `enum <name>` in a file, in their order.
pub fn variants(path: &str, name: &str) -> Vec<String> {
    let code = code(path);
    let head = format!("enum {name} {{");
    let (_, rest) = code
        .split_once(&head)
        .unwrap_or_else(|| panic!("{path} has no {head}"));
    let body = rest.split("\n}").next().unwrap_or_default();
    let depth_one = |line: &&str| line.starts_with("    ") && !line.starts_with("     ");
    body.lines()
        .filter(depth_one)
        .map(|line| {
            line.trim()
                .chars()
                .take_while(char::is_ascii_alphanumeric)
                .collect()
        })
        .filter(|variant: &String| !variant.is_empty())
        .collect()
}

/// `MaxOpen` as a command line writes it: `max-open`.
pub fn kebab(variant: &str) -> String {
    let mut text = String::new();
    for character in variant.chars() {
        if character.is_ascii_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.push(character.to_ascii_lowercase());
    }
    text
}
