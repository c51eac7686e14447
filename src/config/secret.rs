//! Secrets that cannot be printed by accident, and the development secret kept in the data folder.

use std::fmt;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

/// Least length of an HS256 secret in bytes (RFC 7518, section 3.2: as long as the hash).
pub const SECRET_MIN_BYTES: usize = 32;

/// Longest name of a missing file that is shown for sure.
const SHORT_NAME_MAX: usize = 24;

/// A text that `Debug` never shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret that is long enough to sign tokens with.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.len() {
            SECRET_MIN_BYTES.. => Ok(Self(text.to_owned())),
            short => Err(format!("has {short} bytes; a secret needs at least {SECRET_MIN_BYTES}")),
        }
    }

    /// Reads a secret from a file; line ends after it do not belong to it.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", shown_path(path)))?;
        Self::parse(text.trim_end_matches(['\r', '\n'])).map_err(|reason| format!("{} {reason}", path.display()))
    }

    /// The secret itself, for signing and verifying.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// The name of a file that is to hold a secret. What names no file, nor looks like a short name of one, may be the secret
/// itself, put where its file's name belongs.
pub(super) fn shown_path(path: &Path) -> String {
    let in_a_folder = path.parent().is_some_and(|folder| !folder.as_os_str().is_empty() && folder.is_dir());
    if in_a_folder || path.exists() || path.as_os_str().len() <= SHORT_NAME_MAX {
        path.display().to_string()
    } else {
        "(a file that is not there; its name is not shown)".to_owned()
    }
}

/// Where `--dev` keeps its secret.
#[must_use]
pub fn dev_secret_path(data: &Path) -> PathBuf {
    data.join("dev-secret")
}

/// Reads the development secret of this data folder, made at random on first use and readable by its owner only.
pub(super) fn dev_secret(data: &Path) -> Result<Secret, String> {
    let path = dev_secret_path(data);
    fs::create_dir_all(data).map_err(|error| format!("{} cannot be made: {error}", data.display()))?;
    let create = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    match create {
        Ok(mut file) => {
            let text = random_hex();
            let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
            written.map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
            Secret::parse(&text)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Secret::read(&path),
        Err(error) => Err(format!("{} cannot be made: {error}", path.display())),
    }
}

fn random_hex() -> String {
    let bytes: [u8; 32] = rand::random();
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::parse(&"s".repeat(32)).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(redacted)");
    }

    #[test]
    fn a_short_secret_is_refused_with_its_length_only() {
        let reason = Secret::parse("hunter2").unwrap_err();
        assert!(reason.contains('7') && !reason.contains("hunter2"), "{reason}");
    }

    #[test]
    fn what_may_be_the_secret_itself_is_not_shown_as_a_file_name() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("a-name-of-more-than-twenty-four-letters");
        for (path, shown) in [("secret.txt", true), (missing.to_str().unwrap(), true), (&"s".repeat(32), false)] {
            let reason = Secret::read(Path::new(path)).unwrap_err();
            assert!(reason.contains("cannot be read") && reason.contains(path) == shown, "{reason}");
        }
    }

    #[test]
    fn the_development_secret_is_kept_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("new");
        let first = dev_secret(&data).unwrap();
        assert_eq!(dev_secret(&data).unwrap(), first);
        let mode = fs::metadata(dev_secret_path(&data)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let elsewhere = tempfile::tempdir().unwrap();
        assert_ne!(dev_secret(elsewhere.path()).unwrap(), first);
    }

    #[test]
    fn a_secret_file_may_end_in_a_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, format!("{}\r\n", "x".repeat(40))).unwrap();
        assert_eq!(Secret::read(&path).unwrap().expose().len(), 40);
    }
}
