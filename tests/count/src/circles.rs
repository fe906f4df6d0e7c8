//! Files of one crate that need each other.
//!
//! 1. A file needs another one when it names something in there by a path (`use crate::x::Y`,
//!    `super::x::go()`). What a module hands on (`pub use`) counts where it is declared.
//! 2. An `impl` of a type that is declared elsewhere, outside the type's own file and the folder of
//!    that name, binds both files to each other: neither can be read without the other.
//! 3. A file that declares its modules does not need them for that.

use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
};

use syn::{
    ItemImpl, ItemMod, ItemUse, Type, UseTree,
    visit::{self, Visit},
};

use crate::source::{File, declared, is_test};

/// All circles, the largest first; each is a list of paths.
pub fn find(files: &[File]) -> Vec<Vec<String>> {
    let mut crates: HashMap<&Path, Vec<&File>> = HashMap::new();
    for file in files {
        crates.entry(&file.crate_folder).or_default().push(file);
    }
    let mut circles: Vec<Vec<String>> = crates
        .into_values()
        .flat_map(|files| of_crate(&files))
        .collect();
    circles.sort_by(|one, other| other.len().cmp(&one.len()).then(one.cmp(other)));
    circles
}

fn of_crate(files: &[&File]) -> Vec<Vec<String>> {
    let house = House::of(files);
    let mut needs = vec![BTreeSet::new(); files.len()];
    for (at, file) in files.iter().enumerate() {
        let mut reader = Reader::of(&house, file);
        reader.visit_file(&file.tree);
        for path in reader.paths {
            needs[at].extend(house.file_of(&path).filter(|other| *other != at));
        }
        for name in reader.implemented {
            if let Some(owner) = house
                .owner(&name)
                .filter(|owner| !is_within(file, files[*owner]))
            {
                needs[at].insert(owner);
                needs[owner].insert(at);
            }
        }
    }
    let knots = knots(&needs);
    let named = |knot: Vec<usize>| {
        let mut paths: Vec<_> = knot.into_iter().map(|at| files[at].path.clone()).collect();
        paths.sort();
        paths
    };
    knots.into_iter().map(named).collect()
}

/// Whether a file is the owner of a type or stands in the folder of that name. A crate's own file
/// has no such folder: everything would be in it.
fn is_within(file: &File, owner: &File) -> bool {
    file.module == owner.module
        || !owner.module.is_empty() && file.module.starts_with(&owner.module)
}

/// The modules of a crate.
struct House<'a> {
    at: HashMap<&'a [String], usize>,
    /// By type: the file that declares it.
    types: HashMap<String, usize>,
    /// What modules hand on: module and name, and the path behind it.
    handed_on: HashMap<(Vec<String>, String), Vec<String>>,
}

impl<'a> House<'a> {
    fn of(files: &[&'a File]) -> Self {
        let at: HashMap<&[String], usize> = files
            .iter()
            .enumerate()
            .map(|(at, file)| (file.module.as_slice(), at))
            .collect();
        let types = declared(files).into_iter();
        let types = types
            .map(|(name, file)| (name, at[file.module.as_slice()]))
            .collect();
        let mut house = Self {
            at,
            types,
            handed_on: HashMap::new(),
        };
        for file in files {
            house.note_handed_on(file);
        }
        house
    }

    fn note_handed_on(&mut self, file: &File) {
        for item in &file.tree.items {
            let syn::Item::Use(ItemUse { vis, tree, .. }) = item else {
                continue;
            };
            if matches!(vis, syn::Visibility::Inherited) {
                continue;
            }
            for (path, name) in leaves(tree) {
                if let Some(path) = absolute(self, file, &path) {
                    self.handed_on.insert((file.module.clone(), name), path);
                }
            }
        }
    }

    /// The file in which something is declared, by its path from the crate.
    fn file_of(&self, path: &[String]) -> Option<usize> {
        let mut path = path.to_vec();
        // What is handed on may be handed on from there.
        for _ in 0..4 {
            let (length, file) = (0..=path.len())
                .rev()
                .find_map(|length| Some((length, *self.at.get(&path[..length])?)))?;
            let next = path.get(length);
            let behind =
                next.and_then(|name| self.handed_on.get(&(path[..length].to_vec(), name.clone())));
            match behind {
                Some(behind) => path = [behind.as_slice(), &path[length + 1..]].concat(),
                None => return Some(file),
            }
        }
        None
    }

    fn owner(&self, name: &str) -> Option<usize> {
        self.types.get(name).copied()
    }

    fn is_module(&self, module: &[String]) -> bool {
        self.at.contains_key(module)
    }
}

/// The paths of a `use`, each with the name that it has here.
fn leaves(tree: &UseTree) -> Vec<(Vec<String>, String)> {
    let under = |first: String, tree: &UseTree| {
        let mut all = leaves(tree);
        all.iter_mut()
            .for_each(|(path, _)| path.insert(0, first.clone()));
        all
    };
    match tree {
        UseTree::Path(path) => under(path.ident.to_string(), &path.tree),
        UseTree::Group(group) => group.items.iter().flat_map(leaves).collect(),
        UseTree::Name(name) => vec![(vec![name.ident.to_string()], name.ident.to_string())],
        UseTree::Rename(rename) => {
            vec![(vec![rename.ident.to_string()], rename.rename.to_string())]
        }
        UseTree::Glob(_) => vec![(vec![], "*".into())],
    }
}

/// A path from the crate; `None` for what is in another one.
fn absolute(house: &House<'_>, file: &File, path: &[String]) -> Option<Vec<String>> {
    let (first, rest) = path.split_first()?;
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some([&file.module, rest].concat()),
        "super" => {
            let (_, mut module) = file.module.split_last()?;
            let mut rest = rest;
            while let Some(("super", more)) = rest
                .split_first()
                .map(|(first, more)| (first.as_str(), more))
            {
                (_, module) = module.split_last()?;
                rest = more;
            }
            Some([module, rest].concat())
        }
        child => {
            let module = [file.module.as_slice(), &[child.to_owned()]].concat();
            house
                .is_module(&module)
                .then(|| [module.as_slice(), rest].concat())
        }
    }
}

/// Finds what one file names and implements.
struct Reader<'a> {
    house: &'a House<'a>,
    file: &'a File,
    /// Names that `use` brought, with what is behind them.
    brought: HashMap<String, Vec<String>>,
    paths: Vec<Vec<String>>,
    implemented: Vec<String>,
}

impl<'a> Reader<'a> {
    fn of(house: &'a House<'a>, file: &'a File) -> Self {
        Self {
            house,
            file,
            brought: HashMap::new(),
            paths: Vec::new(),
            implemented: Vec::new(),
        }
    }
}

impl<'a> Visit<'a> for Reader<'_> {
    fn visit_item_mod(&mut self, item: &'a ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'a ItemUse) {
        if is_test(&item.attrs) {
            return;
        }
        let hands_on = !matches!(item.vis, syn::Visibility::Inherited);
        for (path, name) in leaves(&item.tree) {
            if let Some(path) = absolute(self.house, self.file, &path) {
                self.brought.insert(name, path.clone());
                // Bringing a module is not using it; what is used of it shows in paths.
                if !hands_on && !self.house.is_module(&path) {
                    self.paths.push(path);
                }
            }
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let words: Vec<String> = path
            .segments
            .iter()
            .map(|one| one.ident.to_string())
            .collect();
        let brought = self
            .brought
            .get(&words[0])
            .map(|behind| [behind.as_slice(), &words[1..]].concat());
        let found = brought
            .or_else(|| (words.len() > 1).then(|| absolute(self.house, self.file, &words))?);
        self.paths.extend(found);
        visit::visit_path(self, path);
    }

    fn visit_item_impl(&mut self, item: &'a ItemImpl) {
        let of_own_trait = item.trait_.as_ref().is_some_and(|(_, path, _)| {
            let name = path.segments.last().map(|last| last.ident.to_string());
            let owner = name.and_then(|name| self.house.owner(&name));
            owner == self.house.at.get(self.file.module.as_slice()).copied()
        });
        if let Type::Path(of) = &*item.self_ty
            && !of_own_trait
        {
            self.implemented
                .extend(of.path.segments.last().map(|last| last.ident.to_string()));
        }
        visit::visit_item_impl(self, item);
    }
}

/// Sets of more than one file that all reach each other. Crates are small, so reachability from each
/// file is quick enough.
fn knots(needs: &[BTreeSet<usize>]) -> Vec<Vec<usize>> {
    let reach: Vec<BTreeSet<usize>> = (0..needs.len())
        .map(|from| reachable(needs, from))
        .collect();
    let mut knots = Vec::new();
    let mut seen = BTreeSet::new();
    for from in 0..needs.len() {
        let knot: Vec<usize> = reach[from]
            .iter()
            .copied()
            .filter(|to| reach[*to].contains(&from))
            .collect();
        if knot.len() > 1 && seen.insert(knot[0]) {
            knots.push(knot);
        }
    }
    knots
}

fn reachable(needs: &[BTreeSet<usize>], from: usize) -> BTreeSet<usize> {
    let (mut reached, mut waiting) = (BTreeSet::new(), vec![from]);
    while let Some(at) = waiting.pop() {
        waiting.extend(needs[at].iter().filter(|next| reached.insert(**next)));
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knots_of(edges: &[(usize, usize)], count: usize) -> Vec<Vec<usize>> {
        let mut needs = vec![BTreeSet::new(); count];
        for (from, to) in edges {
            needs[*from].insert(*to);
        }
        knots(&needs)
    }

    #[test]
    fn a_knot_is_all_that_reaches_each_other() {
        assert!(knots_of(&[(0, 1), (1, 2), (0, 2)], 3).is_empty());
        assert_eq!(knots_of(&[(0, 1), (1, 0), (2, 0)], 3), [vec![0, 1]]);
        assert_eq!(
            knots_of(&[(0, 1), (1, 2), (2, 0), (3, 4), (4, 3)], 5),
            [vec![0, 1, 2], vec![3, 4]]
        );
    }
}
