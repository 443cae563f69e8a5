//! Opens what was recorded: a file or stdin, packed or not, whole or still growing.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

const BUFFER: usize = 256 * 1024;

/// Waits until a growing file may have grown; false: it is read no further.
#[derive(Clone)]
pub struct Patience(pub Arc<dyn Fn() -> bool + Send + Sync>);

impl std::fmt::Debug for Patience {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Patience")
    }
}

/// Bytes to read, unpacked, and how many of the packed ones have been read.
pub struct Input {
    pub bytes: Box<dyn BufRead + Send>,
    pub passed: Arc<AtomicU64>,
    /// The file's size, where it is known and fixed.
    pub total: Option<u64>,
    /// What it was packed with.
    pub packed: Option<Packed>,
}

/// How a recording is packed.
#[derive(Debug, Clone)]
pub struct Packed {
    name: &'static str,
    torn: Arc<AtomicBool>,
}

impl std::fmt::Display for Packed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)?;
        if self.torn.load(Ordering::Relaxed) {
            f.write_str(" that breaks off")?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input")
            .field("total", &self.total)
            .field("packed", &self.packed)
            .finish_non_exhaustive()
    }
}

/// Where a recording comes from. It can be opened as often as it has to be read.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    /// What stdin said, kept for reading it again; deleted with this value.
    kept: Option<Kept>,
    /// The first that stdin said, looked at before it is read.
    head: Mutex<Vec<u8>>,
    /// Read on as the file grows, as long as this lasts.
    follow: Option<Patience>,
    /// It is packed, and was found to break off.
    torn: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Kept(PathBuf);

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Source {
    /// A file, or stdin if it is named `-`.
    pub fn new(path: &Path, follow: Option<Patience>) -> Source {
        Source {
            path: path.to_owned(),
            kept: None,
            head: Mutex::new(Vec::new()),
            follow,
            torn: Arc::default(),
        }
    }

    pub fn is_stdin(&self) -> bool {
        self.path.as_os_str() == "-"
    }

    /// What errors call it.
    pub fn name(&self) -> String {
        if self.is_stdin() {
            "stdin".to_owned()
        } else {
            self.path.display().to_string()
        }
    }

    /// Gets stdin ready. Where it has to be read more than once, because it is one of `several` or a HAR, it is put
    /// away in a file.
    ///
    /// # Errors
    /// Those of stdin and of the folder for temporary files.
    pub fn prepare(&mut self, several: bool) -> io::Result<()> {
        if !self.is_stdin() || self.kept.is_some() {
            return Ok(());
        }
        let mut head = vec![0; 4_096];
        let mut length = 0;
        while length < 16 {
            match io::stdin()
                .lock()
                .read(head.get_mut(length..).unwrap_or_default())?
            {
                0 => break,
                n => length += n,
            }
        }
        head.truncate(length);
        let packed = head.starts_with(&[0x1f, 0x8b]) || head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
        let har = head
            .trim_ascii_start()
            .strip_prefix(b"{")
            .is_some_and(|inside| inside.trim_ascii_start().starts_with(b"\"log\""));
        if !(several || packed || har) {
            self.head = Mutex::new(head);
            return Ok(());
        }
        let name = format!("callspec-{}.recording", uuid::Uuid::new_v4().simple());
        let path = std::env::temp_dir().join(name);
        let mut file = File::create_new(&path)?;
        self.kept = Some(Kept(path));
        file.write_all(&head)?;
        io::copy(&mut io::stdin().lock(), &mut file)?;
        file.flush()
    }

    fn up_to_the_tear(
        &self,
        plain: impl Read + Send + 'static,
        name: &'static str,
        over: Arc<AtomicBool>,
        passed: Arc<AtomicU64>,
    ) -> Box<dyn BufRead + Send> {
        let whole = UpToTheTear {
            plain,
            name,
            over,
            passed,
            torn: self.torn.clone(),
            given: false,
        };
        Box::new(BufReader::with_capacity(BUFFER, whole))
    }

    /// # Errors
    /// Those of the file system, and a packed file whose beginning is broken.
    pub fn open(&self) -> io::Result<Input> {
        let passed = Arc::new(AtomicU64::new(0));
        let (raw, total): (Box<dyn Read + Send>, _) = match &self.kept {
            None if self.is_stdin() => {
                let head = std::mem::take(&mut *self.head.lock().unwrap_or_else(PoisonError::into_inner));
                (Box::new(io::Cursor::new(head).chain(io::stdin())), None)
            }
            kept => {
                let path = kept.as_ref().map_or(self.path.as_path(), |kept| kept.0.as_path());
                let file = File::open(path)?;
                let meta = file.metadata()?;
                if meta.is_dir() {
                    return Err(io::Error::other("it is a folder"));
                }
                match &self.follow {
                    Some(patience) => (
                        Box::new(Growing {
                            path: path.to_owned(),
                            file,
                            next: None,
                            patience: patience.clone(),
                        }),
                        None,
                    ),
                    None => (Box::new(file), Some(meta.len())),
                }
            }
        };
        let over = Arc::new(AtomicBool::new(false));
        let mut bytes = Counted {
            raw: BufReader::with_capacity(BUFFER, raw),
            passed: passed.clone(),
            over: over.clone(),
        };
        let torn = |name| {
            let torn = self.torn.clone();
            Some(Packed { name, torn })
        };
        let head = bytes.fill_buf()?;
        let (bytes, packed): (Box<dyn BufRead + Send>, _) = if head.starts_with(&[0x1f, 0x8b]) {
            let plain = flate2::bufread::MultiGzDecoder::new(bytes);
            (
                self.up_to_the_tear(plain, "gzip", over, passed.clone()),
                torn("gzip"),
            )
        } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            let plain = Zstd {
                frame: None,
                packed: Some(bytes),
            };
            (
                self.up_to_the_tear(plain, "zstd", over, passed.clone()),
                torn("zstd"),
            )
        } else {
            (Box::new(bytes), None)
        };
        Ok(Input {
            bytes,
            passed,
            total,
            packed,
        })
    }
}

struct Counted<R> {
    raw: BufReader<R>,
    /// Bytes that have been used, not those that wait in the buffer.
    passed: Arc<AtomicU64>,
    /// There is nothing left to read.
    over: Arc<AtomicBool>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.raw.read(buffer)?;
        self.passed.fetch_add(n as u64, Ordering::Relaxed);
        self.over
            .fetch_or(n == 0 && !buffer.is_empty(), Ordering::Relaxed);
        Ok(n)
    }
}

impl<R: Read> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let bytes = self.raw.fill_buf()?;
        self.over.fetch_or(bytes.is_empty(), Ordering::Relaxed);
        Ok(bytes)
    }

    fn consume(&mut self, n: usize) {
        self.passed.fetch_add(n as u64, Ordering::Relaxed);
        self.raw.consume(n);
    }
}

/// A packed file that breaks off ends where it does, as a plain one would: whoever packed it was stopped.
struct UpToTheTear<R> {
    plain: R,
    name: &'static str,
    /// How many of the packed bytes have been used.
    passed: Arc<AtomicU64>,
    /// The packed bytes are all read.
    over: Arc<AtomicBool>,
    torn: Arc<AtomicBool>,
    given: bool,
}

impl<R: Read> Read for UpToTheTear<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.plain.read(buffer) {
            Err(_) if self.given && self.over.load(Ordering::Relaxed) => {
                self.torn.store(true, Ordering::Relaxed);
                Ok(0)
            }
            Ok(n) => {
                self.given |= n > 0;
                Ok(n)
            }
            Err(error) => Err(self.in_words(error)),
        }
    }
}

impl<R> UpToTheTear<R> {
    /// What is wrong with what is packed, and where, in words for whoever has the file; unpackers speak of their insides.
    fn in_words(&self, error: io::Error) -> io::Error {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        let mut limit = None;
        while let Some(inner) = cause {
            // The system's own word is for people already. An error that wraps another is asked for what it wraps.
            let of_system = inner.downcast_ref::<io::Error>();
            if of_system.is_some_and(|error| error.raw_os_error().is_some()) {
                return io::Error::other(inner.to_string());
            }
            limit = limit.or_else(|| inner.downcast_ref::<FrameDecoderError>().and_then(beyond));
            cause = match of_system.and_then(io::Error::get_ref) {
                Some(wrapped) => Some(wrapped),
                None => inner.source(),
            };
        }
        let (name, at) = (self.name, self.passed.load(Ordering::Relaxed));
        io::Error::other(match limit {
            Some(limit) => limit,
            None if !self.given && self.over.load(Ordering::Relaxed) => {
                format!("its {name} data breaks off before anything can be unpacked")
            }
            None => format!("its {name} data is broken, by byte {at} of the packed file"),
        })
    }
}

/// What a sound file asks that cannot be given.
fn beyond(error: &FrameDecoderError) -> Option<String> {
    match error {
        FrameDecoderError::WindowSizeTooBig { requested, max } => Some(format!(
            "its zstd window has {requested} bytes, more than {max}: pack it without `--long`"
        )),
        FrameDecoderError::DictNotProvided { .. } => {
            Some("it was packed with a zstd dictionary, and cannot be unpacked without".to_owned())
        }
        _ => None,
    }
}

/// A file that others append to. One that shrinks was begun anew, as when logs are rotated: it is read from its start.
/// Where another has taken its place under its name, that one is read next.
struct Growing {
    path: PathBuf,
    file: File,
    next: Option<File>,
    patience: Patience,
}

impl Growing {
    /// The file that has its name now, if that is another.
    fn renewed(&self) -> Option<File> {
        let next = File::open(&self.path).ok()?;
        let (next_is, this_is) = (identity(&next)?, identity(&self.file)?);
        (next_is != this_is).then_some(next)
    }
}

#[cfg(unix)]
fn identity(file: &File) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let meta = file.metadata().ok()?;
    Some((meta.dev(), meta.ino()))
}

/// Elsewhere a file that is read cannot be renamed.
#[cfg(not(unix))]
fn identity(_: &File) -> Option<(u64, u64)> {
    None
}

impl Read for Growing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.file.read(buffer)? {
                0 => {
                    let here = self.file.stream_position()?;
                    if self.file.metadata()?.len() < here {
                        self.file.rewind()?;
                    } else if let Some(next) = self.next.take() {
                        self.file = next;
                    } else if let Some(next) = self.renewed() {
                        // What was written to the old one until then comes first.
                        self.next = Some(next);
                    } else if !(self.patience.0)() {
                        return Ok(0);
                    }
                }
                n => return Ok(n),
            }
        }
    }
}

/// Whether a frame unpacked to what was packed, as far as its checksum tells, if it has one.
fn is_as_it_was(frame: &FrameDecoder) -> bool {
    let [told, found] = [frame.get_checksum_from_data(), frame.get_calculated_checksum()];
    told.is_none() || found.is_none() || told == found
}

/// Every frame of a zstd file, one after the other.
struct Zstd<R: BufRead> {
    frame: Option<StreamingDecoder<R, FrameDecoder>>,
    packed: Option<R>,
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.frame {
                match frame.read(buffer)? {
                    0 => {
                        let frame = self.frame.take();
                        if frame.as_ref().is_some_and(|frame| !is_as_it_was(&frame.decoder)) {
                            return Err(io::Error::other("its checksum is another"));
                        }
                        self.packed = frame.map(StreamingDecoder::into_inner);
                    }
                    n => return Ok(n),
                }
            }
            let Some(mut packed) = self.packed.take() else {
                return Ok(0);
            };
            let head = packed.fill_buf()?;
            if head.is_empty() {
                self.packed = Some(packed);
                return Ok(0);
            }
            // A frame that is to be skipped (RFC 8878 §3.1.2): its magic number and its length, 4 bytes each.
            if let [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] = head {
                let mut lead = [0; 8];
                packed.read_exact(&mut lead)?;
                let [.., a, b, c, d] = lead;
                let length = u64::from(u32::from_le_bytes([a, b, c, d]));
                io::copy(&mut (&mut packed).take(length), &mut io::sink())?;
                self.packed = Some(packed);
                continue;
            }
            let frame = StreamingDecoder::new(packed).map_err(io::Error::other)?;
            self.frame = Some(frame);
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_log_that_is_rotated_is_read_to_its_end_and_then_the_next() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let path = folder.path().join("log");
        fs::write(&path, "one ").expect("written");
        let (log, looks) = (path.clone(), AtomicU64::new(0));
        let patience = Patience(Arc::new(move || {
            let first = looks.fetch_add(1, Ordering::Relaxed) == 0;
            if first {
                let old = log.with_extension("1");
                fs::rename(&log, &old).expect("renamed");
                fs::write(&old, "one two ").expect("written");
                fs::write(&log, "three").expect("written");
            }
            first
        }));
        let mut said = String::new();
        let input = Source::new(&path, Some(patience)).open();
        let mut bytes = input.expect("it opens").bytes;
        bytes.read_to_string(&mut said).expect("it is read");
        assert_eq!(said, "one two three");
    }

    /// How it is packed, what can be read of it, and the error that it ends in, if any.
    fn unpacked(packed: &[u8]) -> (String, Vec<u8>, String) {
        let folder = tempfile::TempDir::new().expect("a folder");
        let path = folder.path().join("log");
        fs::write(&path, packed).expect("written");
        let Input {
            mut bytes, packed, ..
        } = Source::new(&path, None).open().expect("it opens");
        let mut said = Vec::new();
        let wrong = bytes.read_to_end(&mut said).err().map(|error| error.to_string());
        (
            packed.expect("it is packed").to_string(),
            said,
            wrong.unwrap_or_default(),
        )
    }

    #[test]
    fn what_is_packed_and_breaks_off_is_read_to_its_tear_and_what_is_broken_is_not() {
        let mut number = 1_u32;
        let plain: Vec<u8> = std::iter::repeat_with(|| {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b'a' + (number >> 24) as u8 % 16
        })
        .take(400_000)
        .collect();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&plain).expect("packed");
        let gzip = gzip.finish().expect("packed");
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        let zstd = ruzstd::encoding::compress_to_vec(&plain[..], level);
        for (name, packed) in [("gzip", &gzip), ("zstd", &zstd)] {
            assert_eq!(unpacked(packed), (name.to_owned(), plain.clone(), String::new()));

            let (told, said, wrong) = unpacked(&packed[..packed.len() - 30_000]);
            assert_eq!((told, wrong), (format!("{name} that breaks off"), String::new()));
            assert!(
                said.len() > 100_000 && plain.starts_with(&said),
                "{name}: {}",
                said.len()
            );
        }

        for (name, packed) in [("gzip", gzip), ("zstd", zstd)] {
            let middle = packed.len() / 2;
            let mut broken = packed.clone();
            // Enough to meet the head of a block.
            broken[middle..middle + 70_000].fill(0xff);
            let (told, _, wrong) = unpacked(&broken);
            assert_eq!(told, name);
            let place = wrong.strip_prefix(&format!("its {name} data is broken, by byte "));
            let at = place.and_then(|place| place.strip_suffix(" of the packed file")?.parse::<usize>().ok());
            assert!(at.is_some_and(|at| at > middle && at <= packed.len()), "{wrong}");

            let (_, said, wrong) = unpacked(&packed[..9]);
            assert!(
                said.is_empty() && wrong.ends_with("breaks off before anything can be unpacked"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_zstd_frame_that_unpacks_to_something_else_is_broken() {
        // One raw block `a`, the last, and the checksum of `a` (RFC 8878 §3.1.1): XXH64's low half.
        let mut packed = [
            0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x58, 0x09, 0, 0, b'a', 0x5b, 0x6e, 0x8c, 0xa9,
        ];
        assert_eq!(
            unpacked(&packed),
            ("zstd".to_owned(), b"a".to_vec(), String::new())
        );
        packed[9] = b'b';
        let (_, _, wrong) = unpacked(&packed);
        assert_eq!(wrong, "its zstd data is broken, by byte 14 of the packed file");
    }

    #[test]
    fn what_zstd_cannot_unpack_for_a_reason_is_told_with_it() {
        // A frame header alone (RFC 8878 §3.1.1.1): with a window of 2 GiB, and with a dictionary's id.
        let (_, _, wrong) = unpacked(&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 1, 0, 0]);
        assert_eq!(
            wrong,
            "its zstd window has 2147483648 bytes, more than 134217728: pack it without `--long`"
        );
        let (_, _, wrong) = unpacked(&[0x28, 0xb5, 0x2f, 0xfd, 0x01, 0x50, 7, 1, 0, 0]);
        assert_eq!(
            wrong,
            "it was packed with a zstd dictionary, and cannot be unpacked without"
        );
    }
}
