//! The file that has the purges of a folder. Each is written as soon as it is made, so that it outlives the process, and is on the disk
//! within a second, so that it outlives the machine.
//!
//! A journal that is not whole, or is gone, says that nobody knows what was purged: then everything was. So a purge that cannot
//! be written has the file taken out.

use std::fs::File;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use super::purges::{Note, Purges};
use crate::platform::OwnedFolder;

const NAME: &str = "purges";
const NEW: &str = "purges.new";
/// How long a purge is only in the memory of the system.
const SYNC: Duration = Duration::from_secs(1);
/// Notes beyond which a journal is written anew: more than there are terms with numbers.
const LONG: usize = 200_000;
/// Notes that are not worth a new journal.
const SHORT: usize = 1024;

#[derive(Default)]
pub(super) struct Journal {
    /// `None` when it has to be written anew.
    file: Option<File>,
    notes: usize,
    /// Since when the disk lacks something.
    unsynced: Option<Instant>,
}

impl Journal {
    /// It and what it says; `None` when nobody knows what was purged.
    pub fn open(folder: &OwnedFolder) -> io::Result<(Self, Option<Purges>)> {
        let Some(file) = folder.read(NAME)? else { return Ok((Self::default(), None)) };
        let mut bytes = Vec::new();
        // It is written anew long before.
        file.take((LONG * 2 * Note::LENGTH) as u64).read_to_end(&mut bytes)?;
        let (notes, rest) = bytes.as_chunks::<{ Note::LENGTH }>();
        let notes: Option<Vec<Note>> = notes.iter().map(Note::decode).collect();
        let Some(notes) = notes.filter(|notes| rest.is_empty() && !notes.is_empty()) else {
            return Ok((Self::default(), None));
        };
        let mut purges = Purges::default();
        notes.iter().for_each(|note| purges.apply(*note));
        let journal = Self { file: Some(folder.append(NAME)?), notes: notes.len(), unsynced: None };
        Ok((journal, Some(purges)))
    }

    /// What one with so many notes takes, in bytes.
    pub fn size(notes: usize) -> u64 {
        (notes * Note::LENGTH) as u64
    }

    /// Whether it has become so long that it is written anew without need.
    pub fn is_long(&self) -> bool {
        self.notes > LONG
    }

    /// Whether it is worth writing anew where much of what it says is about nothing.
    pub fn is_worth_shortening(&self) -> bool {
        self.notes > SHORT
    }

    /// Whether it is written at its end; else it has to be written anew.
    pub fn is_open(&self) -> bool {
        self.file.is_some()
    }

    pub fn append(&mut self, notes: &[Note]) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Err(io::ErrorKind::NotFound.into()) };
        let written = file.write_all(&encode(notes));
        if written.is_err() {
            self.file = None;
        }
        self.notes += notes.len();
        self.unsynced.get_or_insert_with(Instant::now);
        written
    }

    /// Begins a new one, which is on the disk then.
    pub fn rewrite(&mut self, folder: &OwnedFolder, notes: &[Note]) -> io::Result<()> {
        self.file = None;
        folder.remove(NEW)?;
        let mut file = folder.create(NEW)?;
        file.write_all(&encode(notes))?;
        file.sync_data()?;
        folder.rename(NEW, NAME)?;
        folder.sync()?;
        *self = Self { file: Some(folder.append(NAME)?), notes: notes.len(), unsynced: None };
        Ok(())
    }

    /// Has nobody believe it.
    pub fn give_up(&mut self, folder: &OwnedFolder) {
        self.file = None;
        // Where not even that is possible, nothing is.
        let _ = folder.remove(NAME);
    }

    /// When it is to be put on the disk.
    pub fn due(&self) -> Option<Instant> {
        self.unsynced.map(|since| since + SYNC)
    }

    pub fn sync(&mut self) -> io::Result<()> {
        self.unsynced = None;
        self.file.as_ref().map_or(Ok(()), File::sync_data)
    }
}

fn encode(notes: &[Note]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(notes.len() * Note::LENGTH);
    notes.iter().for_each(|note| note.encode(&mut bytes));
    bytes
}
