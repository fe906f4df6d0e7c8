//! Files of the product, read and counted.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use proc_macro2::Span;
use syn::{
    Attribute, Fields, ImplItemFn, ItemFn, ItemMod, ItemStruct, ItemTrait, TraitItemFn,
    spanned::Spanned,
    visit::{self, Visit},
};

/// A file of the product without its tests.
pub struct File {
    /// From the root of the repository.
    pub path: String,
    /// The folder of its crate.
    pub crate_folder: PathBuf,
    /// Where it stands in its crate: `["page", "task"]`; empty for the crate itself.
    pub module: Vec<String>,
    pub tree: syn::File,
    pub counted: Counted,
}

/// What is counted in one file.
#[derive(Default)]
pub struct Counted {
    pub lines: usize,
    /// Names, and lines from the signature to the closing brace.
    pub functions: Vec<(String, usize)>,
    /// Names, and how many methods.
    pub traits: Vec<(String, usize)>,
    /// Names, and how many fields.
    pub structs: Vec<(String, usize)>,
}

/// Reads all files of these folders, in the order of their paths.
pub fn read(root: &Path, folders: &[&str]) -> Result<Vec<File>> {
    let mut paths = Vec::new();
    for folder in folders {
        collect(&root.join(folder), &mut paths)?;
    }
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        files.push(read_one(root, &path)?);
    }
    let tests = of_tests(&files);
    files.retain(|file| {
        !tests
            .iter()
            .any(|(at, of)| *at == file.crate_folder && file.module.starts_with(of))
    });
    Ok(files)
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
    Ok(())
}

fn read_one(root: &Path, path: &Path) -> Result<File> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let tree = syn::parse_file(&text).with_context(|| format!("{} is no Rust", path.display()))?;
    let (crate_folder, module) = place(path);
    let mut counter = Counter::of(&text);
    counter.visit_file(&tree);
    let counted = counter.done();
    let path = path
        .strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string();
    Ok(File {
        path,
        crate_folder,
        module,
        tree,
        counted,
    })
}

/// The crate that a file belongs to, and its place in there: below the nearest folder with a
/// `lib.rs`, a `main.rs`, or the `mod.rs` of code that several crates include.
fn place(path: &Path) -> (PathBuf, Vec<String>) {
    let roots = ["lib.rs", "main.rs"];
    let folder = path.parent().unwrap_or(path);
    let is_root = |folder: &&Path| roots.iter().any(|name| folder.join(name).exists());
    let shared = || {
        folder
            .ancestors()
            .take_while(|folder| folder.join("mod.rs").exists())
            .last()
    };
    let top = folder
        .ancestors()
        .find(is_root)
        .or_else(shared)
        .unwrap_or(folder);
    let inside = path.strip_prefix(top).unwrap_or(path).with_extension("");
    let mut module: Vec<String> = inside
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if module
        .last()
        .is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str()))
    {
        module.pop();
    }
    (top.to_owned(), module)
}

/// Modules that are compiled for tests alone: their crate and where they stand.
fn of_tests(files: &[File]) -> Vec<(PathBuf, Vec<String>)> {
    let mut tests = Vec::new();
    for file in files {
        for item in &file.tree.items {
            if let syn::Item::Mod(ItemMod {
                attrs,
                ident,
                content: None,
                ..
            }) = item
                && is_test(attrs)
            {
                let module = [file.module.clone(), vec![ident.to_string()]].concat();
                tests.push((file.crate_folder.clone(), module));
            }
        }
    }
    tests
}

/// Whether an item exists for tests alone.
pub fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Ident>()
                .is_ok_and(|what| what == "test")
    })
}

/// Lines that hold code, by number.
fn code_lines(text: &str) -> HashSet<usize> {
    let is_code = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    let numbered = (1..).zip(text.lines());
    numbered
        .filter(|(_, line)| is_code(line))
        .map(|(number, _)| number)
        .collect()
}

struct Counter {
    code: HashSet<usize>,
    counted: Counted,
}

impl Counter {
    fn of(text: &str) -> Self {
        Self {
            code: code_lines(text),
            counted: Counted::default(),
        }
    }

    fn done(self) -> Counted {
        Counted {
            lines: self.code.len(),
            ..self.counted
        }
    }

    fn function(&mut self, name: &syn::Ident, from: Span, to: Span) {
        let lines = from.start().line..=to.end().line;
        let length = lines.filter(|line| self.code.contains(line)).count();
        self.counted.functions.push((name.to_string(), length));
    }

    /// Takes an item of tests out, with its attributes.
    fn forget(&mut self, item: &impl Spanned) {
        for line in item.span().start().line..=item.span().end().line {
            self.code.remove(&line);
        }
    }
}

impl<'a> Visit<'a> for Counter {
    fn visit_item(&mut self, item: &'a syn::Item) {
        if is_test(attributes(item)) {
            self.forget(item);
        } else {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_fn(&mut self, function: &'a ItemFn) {
        self.function(
            &function.sig.ident,
            function.sig.span(),
            function.block.span(),
        );
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'a ImplItemFn) {
        self.function(
            &function.sig.ident,
            function.sig.span(),
            function.block.span(),
        );
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'a TraitItemFn) {
        if let Some(block) = &function.default {
            self.function(&function.sig.ident, function.sig.span(), block.span());
        }
        visit::visit_trait_item_fn(self, function);
    }

    fn visit_item_trait(&mut self, port: &'a ItemTrait) {
        let methods = port
            .items
            .iter()
            .filter(|item| matches!(item, syn::TraitItem::Fn(_)));
        self.counted
            .traits
            .push((port.ident.to_string(), methods.count()));
        visit::visit_item_trait(self, port);
    }

    fn visit_item_struct(&mut self, item: &'a ItemStruct) {
        if let Fields::Named(fields) = &item.fields {
            self.counted
                .structs
                .push((item.ident.to_string(), fields.named.len()));
        }
        visit::visit_item_struct(self, item);
    }
}

/// The attributes of the items that tests come in.
fn attributes(item: &syn::Item) -> &[Attribute] {
    match item {
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Where each type of a crate is declared, by its name; names that are declared twice are left out.
pub fn declared<'a>(files: &[&'a File]) -> HashMap<String, &'a File> {
    let mut known: HashMap<String, Option<&File>> = HashMap::new();
    for file in files {
        for item in &file.tree.items {
            let name = match item {
                syn::Item::Struct(item) => &item.ident,
                syn::Item::Enum(item) => &item.ident,
                syn::Item::Trait(item) => &item.ident,
                _ => continue,
            };
            known
                .entry(name.to_string())
                .and_modify(|twice| *twice = None)
                .or_insert(Some(*file));
        }
    }
    known
        .into_iter()
        .filter_map(|(name, file)| Some((name, file?)))
        .collect()
}
