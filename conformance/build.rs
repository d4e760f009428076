//! Rebuilds the runner when a built-in conversation is added: the ones already there are tracked by
//! their inclusion, a new file is not.

fn main() {
    println!("cargo:rerun-if-changed=../fixtures");
}
