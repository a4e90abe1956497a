//! The folders of a crate as layers: each uses those before it and none after it.
//!
//! It must never widen the order to let a use pass: the code moves, not the table.

use std::path::Path;

use crate::Finding;
use crate::code::without_text;

/// Folders of sources, each with its layers from the lowest to the highest.
const LAYERED: [(&str, &[&str]); 1] =
    [("projections/src", &["control", "projection", "store", "read", "live", "rebuild", "compare"])];

/// Uses of a higher layer in a file of a lower one; nothing for a file that is in no layer.
pub(crate) fn check(file: &Path, text: &str) -> Vec<Finding> {
    let Some((order, own, depth)) = layer(file) else { return Vec::new() };
    let code = without_text(text);
    let finding = |(index, remedy)| {
        let line = code[..index].lines().count().max(1);
        Finding { file: file.to_owned(), line, rule: "direction of layers", remedy }
    };
    let by_name = code.match_indices("crate::").filter_map(|(index, path)| {
        let used = segment(&code[index + path.len()..]);
        fault(order, own, used).map(|remedy| (index, remedy))
    });
    let to_root = "super::".repeat(depth);
    let by_super = code.match_indices(to_root.as_str()).map(|(index, _)| {
        (index, "name another layer from the crate's root on: `crate::folder::…`".to_owned())
    });
    by_name.chain(by_super).map(finding).collect()
}

/// The order that holds for a file, the file's own place in it, and how deep its module is below the crate's root.
fn layer(file: &Path) -> Option<(&'static [&'static str], usize, usize)> {
    LAYERED.iter().find_map(|(root, order)| {
        let below = file.strip_prefix(root).ok()?.with_extension("");
        let modules: Vec<_> = below.iter().filter_map(|part| part.to_str()).collect();
        let own = order.iter().position(|layer| Some(layer) == modules.first())?;
        Some((*order, own, modules.len()))
    })
}

fn segment(path: &str) -> &str {
    path.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

fn fault(order: &[&str], own: usize, used: &str) -> Option<String> {
    match order.iter().position(|layer| *layer == used) {
        Some(layer) if layer <= own => None,
        Some(_) => {
            Some(format!("`{}` must not use `{used}`, which stands above it; move the code", order[own]))
        }
        None => Some(format!("`crate::{used}` belongs to no layer; name the folder that defines it")),
    }
}

#[test]
fn uses_of_the_same_and_of_lower_layers_pass() {
    let text = "use crate::control::ids::Epoch;\nuse super::super::rows;\n// crate::compare\n";
    assert_eq!(check(Path::new("projections/src/store/a/b.rs"), text), []);
    assert_eq!(check(Path::new("projections/src/lib.rs"), "pub use crate::compare::verify;"), []);
}

#[test]
fn uses_of_a_higher_layer_of_the_root_and_by_way_of_super_are_found() {
    let text = "use crate::store::rows;\nuse crate::compare::verify;\nfn f() { crate::Rebuild::new() }\n\
                use super::super::live;\nuse crate::{control, live};\n";
    let found = check(Path::new("projections/src/store/rows.rs"), text);
    let mut lines: Vec<usize> = found.iter().map(|finding| finding.line).collect();
    lines.sort_unstable();
    assert_eq!(lines, [2, 3, 4, 5], "{found:?}");
}
