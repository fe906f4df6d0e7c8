//! What a machine does to a process of ours: its clock is set, its disk fails. See `preload/faults.c`.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// Calls that can fail, and with what.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    pub name: &'static str,
    calls: i32,
    error: rustix::io::Errno,
}

const WRITE: i32 = 1;
const SYNC: i32 = 2;
const READ: i32 = 4;
const OPEN: i32 = 8;

/// The faults of a disk.
pub const DISK: [Fault; 6] = [
    Fault {
        name: "full disk",
        calls: WRITE,
        error: rustix::io::Errno::NOSPC,
    },
    Fault {
        name: "I/O error when writing",
        calls: WRITE,
        error: rustix::io::Errno::IO,
    },
    Fault {
        name: "I/O error when syncing",
        calls: SYNC | WRITE,
        error: rustix::io::Errno::IO,
    },
    Fault {
        name: "I/O error when reading",
        calls: READ,
        error: rustix::io::Errno::IO,
    },
    Fault {
        name: "read-only file system",
        calls: WRITE,
        error: rustix::io::Errno::ROFS,
    },
    Fault {
        name: "exhausted descriptors",
        calls: OPEN | WRITE,
        error: rustix::io::Errno::MFILE,
    },
];

/// The page that a process shares with its story.
pub struct Faults {
    page: File,
    path: PathBuf,
}

impl Faults {
    /// Nothing fails yet. `name` tells a process's page from another's.
    pub fn new(folder: &Path, name: &str) -> Self {
        let path = folder.join(format!("{name}.faults"));
        fs::write(&path, [0; 64]).expect("written");
        let page = File::options().write(true).read(true).open(&path);
        Self {
            page: page.expect("opened"),
            path,
        }
    }

    /// The environment of a process that is to feel it, on files whose paths hold `file`.
    pub fn env(&self, file: &str) -> Vec<(String, String)> {
        let library = library().display().to_string();
        let page = self.path.display().to_string();
        [
            ("LD_PRELOAD", library),
            ("FAULTS_PAGE", page),
            ("FAULTS_FILE", file.into()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    fn set(&self, at: u64, bytes: &[u8]) {
        self.page.write_all_at(bytes, at).expect("written");
    }

    /// From now on it fails.
    pub fn begin(&self, fault: Fault) {
        self.set(12, &fault.error.raw_os_error().to_ne_bytes());
        self.set(16, &0_i32.to_ne_bytes());
        self.set(8, &fault.calls.to_ne_bytes());
    }

    /// It fails no more; says how often it did.
    pub fn end(&self) -> i32 {
        self.set(8, &0_i32.to_ne_bytes());
        let mut fired = [0; 4];
        self.page.read_exact_at(&mut fired, 16).expect("read");
        i32::from_ne_bytes(fired)
    }

    /// Sets the process's clock so far from the machine's.
    pub fn set_clock(&self, seconds: i64) {
        self.set(0, &(seconds * 1000).to_ne_bytes());
    }
}

/// Built once for each test program.
fn library() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/preload/faults.c");
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let own = folder.join(format!("faults-{}.so", std::process::id()));
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&own)
            .args([source, "-ldl"])
            .status();
        assert!(built.expect("a C compiler").success(), "{source} compiles");
        // Test programs run side by side.
        let library = folder.join("faults.so");
        fs::rename(&own, &library).expect("renamed");
        library
    })
}
