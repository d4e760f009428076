//! Names of cases with wildcards, as in `--case` and in `spec/causes.toml`.

use globset::{Glob, GlobMatcher};

/// A case's id, or a glob over ids. `*` also matches slashes. An id matches its case, and an id without brackets matches
/// every case of its file. Brackets in a glob are both a set of letters and those of an id.
#[derive(Clone, Debug)]
pub struct CasePattern {
    text: String,
    globs: Vec<GlobMatcher>,
}

impl CasePattern {
    /// A text that is no glob is an id.
    pub fn new(text: &str) -> Self {
        let escaped: String = text
            .chars()
            .map(|letter| match letter {
                '[' => "[[]".to_owned(),
                ']' => "[]]".to_owned(),
                letter => letter.to_string(),
            })
            .collect();
        let globs = [text, &escaped].into_iter().filter_map(|text| Glob::new(text).ok());
        Self { text: text.to_owned(), globs: globs.map(|glob| glob.compile_matcher()).collect() }
    }

    /// As the user wrote it.
    pub fn as_written(&self) -> &str {
        &self.text
    }

    /// Whether it matches the case with this id.
    pub fn names(&self, id: &str) -> bool {
        let file = id.split('[').next().unwrap_or(id);
        [id, file].iter().any(|name| self.text == *name || self.globs.iter().any(|glob| glob.is_match(name)))
    }
}
