//! The built-in suite travels inside the program: a change in its folder builds anew.

fn main() {
    println!("cargo:rerun-if-changed=scenarios");
}
