//! Rebuilds the runner when a built-in conversation is added: the ones already there are tracked by
//! their inclusion, a new file is not. And links it at a fixed address: it is started five times a case, and each
//! start of one that can lie anywhere mends twenty thousand addresses first.

fn main() {
    println!("cargo:rerun-if-changed=../fixtures");
    let target = |what: &str| std::env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    if target("OS") == "linux" && target("ENV") == "gnu" {
        println!("cargo:rustc-link-arg-bins=-no-pie");
    }
}
