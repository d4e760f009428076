//! Help to understand one requirement or one failed case: `explain`, `replay`, and the script of `reproduce`.

mod explaining;
mod replay;
mod reproduce;
