//! A directory, held by descriptor. As root we work in directories to which others may write, the
//! user whom Postgres runs as among them. So nothing in them is opened through a link, whatever was
//! there before is looked at before it is used, and what changes hands does so by descriptor.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::error::EmbeddedError;
use super::owner::Owner;

/// What is read of a small file, in bytes.
const SMALL: u64 = 4096;

#[derive(Clone, Debug)]
pub(super) struct Directory {
    pub path: PathBuf,
    dir: Arc<File>,
}

/// What lies under a name.
pub(super) enum Entry {
    /// Its owner and group.
    Directory(u32, u32),
    /// The owner of the link itself.
    Link(u32),
    Other,
}

impl Directory {
    pub fn open(path: &Path) -> Result<Self, EmbeddedError> {
        Self::open_at(rustix::fs::CWD, path, path.to_owned())
    }

    /// The directory of this name in it.
    pub fn sub(&self, name: &str) -> Result<Self, EmbeddedError> {
        Self::open_at(&*self.dir, Path::new(name), self.path.join(name))
    }

    fn open_at(dir: impl AsFd, name: &Path, path: PathBuf) -> Result<Self, EmbeddedError> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
        let dir = rustix::fs::openat(dir, name, flags, Mode::empty()).map_err(refused(&path))?;
        Ok(Self {
            path,
            dir: Arc::new(dir.into()),
        })
    }

    pub fn owner(&self) -> Result<u32, EmbeddedError> {
        let meta = self.dir.metadata();
        Ok(meta.map_err(EmbeddedError::io("cannot read", &self.path))?.uid())
    }

    pub fn entry(&self, name: &str) -> Result<Option<Entry>, EmbeddedError> {
        let stat = match rustix::fs::statat(&*self.dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => {
                return Err(EmbeddedError::io("cannot read", &self.path.join(name))(error));
            }
        };
        Ok(Some(match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Entry::Directory(stat.st_uid, stat.st_gid),
            FileType::Symlink => Entry::Link(stat.st_uid),
            _ => Entry::Other,
        }))
    }

    /// Opens the file to read it and to write at its end; makes it, for its owner's eyes only, if it
    /// is not there. It belongs to whomever the directory belongs to.
    pub fn file(&self, name: &str, owner: &Owner) -> Result<File, EmbeddedError> {
        let path = self.path.join(name);
        // A pipe that somebody put there must not make us wait for its other end.
        let flags = OFlags::RDWR | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mine = Mode::RUSR | Mode::WUSR;
        let file: File = match rustix::fs::openat(&*self.dir, name, flags, Mode::empty()) {
            Ok(file) => file.into(),
            Err(Errno::NOENT) => {
                let new = rustix::fs::openat(&*self.dir, name, flags | OFlags::CREATE | OFlags::EXCL, mine)
                    .map_err(refused(&path))?;
                if owner.is_other() && self.owner()? == owner.uid {
                    owner
                        .give(&new)
                        .map_err(EmbeddedError::io("cannot give away", &path))?;
                }
                new.into()
            }
            Err(error) => return Err(refused(&path)(error)),
        };
        self.trust(&file, &path, owner)?;
        // What it holds is nobody else's business; earlier versions let everybody read it.
        rustix::fs::fchmod(&file, mine).map_err(EmbeddedError::io("cannot make private", &path))?;
        Ok(file)
    }

    /// The beginning of a small file; `None` where there is none.
    pub fn read(&self, name: &str, owner: &Owner) -> Result<Option<String>, EmbeddedError> {
        let path = self.path.join(name);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file: File = match rustix::fs::openat(&*self.dir, name, flags, Mode::empty()) {
            Ok(file) => file.into(),
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(refused(&path)(error)),
        };
        self.trust(&file, &path, owner)?;
        let mut text = Vec::new();
        let read = file.take(SMALL).read_to_end(&mut text);
        read.map_err(EmbeddedError::io("cannot read", &path))?;
        Ok(Some(String::from_utf8_lossy(&text).into_owned()))
    }

    /// Writes a small file as a whole.
    pub fn write(&self, name: &str, text: &str, owner: &Owner) -> Result<(), EmbeddedError> {
        let unfinished = format!("{name}.unfinished");
        let _ = rustix::fs::unlinkat(&*self.dir, &*unfinished, AtFlags::empty());
        let mut file = self.file(&unfinished, owner)?;
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.map_err(EmbeddedError::io("cannot write", &self.path.join(name)))?;
        self.rename(&unfinished, name)
    }

    pub fn rename(&self, from: &str, to: &str) -> Result<(), EmbeddedError> {
        rustix::fs::renameat(&*self.dir, from, &*self.dir, to)
            .map_err(EmbeddedError::io("cannot rename to", &self.path.join(to)))
    }

    pub fn link(&self, name: &str, target: &Path) -> Result<(), EmbeddedError> {
        rustix::fs::symlinkat(target, &*self.dir, name)
            .map_err(EmbeddedError::io("cannot link", &self.path.join(name)))
    }

    /// A new, empty directory that is the owner's alone.
    pub fn make_dir(&self, name: &str, owner: &Owner) -> Result<(), EmbeddedError> {
        let path = self.path.join(name);
        rustix::fs::mkdirat(&*self.dir, name, Mode::RWXU)
            .map_err(EmbeddedError::io("cannot create", &path))?;
        self.sub(name)?.give(owner)
    }

    /// Removes an empty directory, if it is there.
    pub fn remove_dir(&self, name: &str) {
        let _ = rustix::fs::unlinkat(&*self.dir, name, AtFlags::REMOVEDIR);
    }

    /// From now on it is the owner's alone.
    pub fn give(&self, owner: &Owner) -> Result<(), EmbeddedError> {
        let given = rustix::fs::fchmod(&*self.dir, Mode::RWXU)
            .map_err(io::Error::from)
            .and_then(|()| owner.give(&*self.dir));
        given.map_err(EmbeddedError::io("cannot give away", &self.path))
    }

    /// From now on it is ours, and everybody may pass through it.
    pub fn take(&self) -> Result<(), EmbeddedError> {
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        let all = Mode::RWXU | Mode::RGRP | Mode::XGRP | Mode::ROTH | Mode::XOTH;
        rustix::fs::fchown(&*self.dir, Some(uid), Some(gid))
            .and_then(|()| rustix::fs::fchmod(&*self.dir, all))
            .map_err(EmbeddedError::io("cannot take over", &self.path))
    }

    /// Only what we or the owner made is used. The owner may have put a second name of a file of root's
    /// there, which has more than one then.
    fn trust(&self, file: &File, path: &Path, owner: &Owner) -> Result<(), EmbeddedError> {
        let meta = file.metadata().map_err(EmbeddedError::io("cannot read", path))?;
        let us = rustix::process::geteuid().as_raw();
        let ours = meta.uid() == us && (!owner.is_other() || meta.nlink() == 1);
        if meta.is_file() && (ours || meta.uid() == owner.uid) {
            return Ok(());
        }
        Err(EmbeddedError::Suspicious(path.to_owned()))
    }
}

/// What is wrong with a name that could not be opened.
fn refused(path: &Path) -> impl FnOnce(Errno) -> EmbeddedError {
    let path = path.to_owned();
    move |error| match error {
        Errno::ACCESS | Errno::PERM => EmbeddedError::NotOurs(path),
        // A link, a directory, a file in the place of a directory, a pipe, a device.
        Errno::LOOP | Errno::MLINK | Errno::NOTDIR | Errno::ISDIR | Errno::EXIST | Errno::NXIO => {
            EmbeddedError::Suspicious(path)
        }
        _ => EmbeddedError::io("cannot open", &path)(error),
    }
}
