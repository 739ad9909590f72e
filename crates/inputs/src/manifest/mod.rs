//! The enumerated input, in memory and as `RUN/inputs.manifest`.
//!
//! A text file; words of a line are separated by tabs, and escaped (`\x09`). The first line names the format, each
//! further line an entry or, before the first entry that needs it, a folder, table or file with several structures:
//!
//! ```text
//! mlip-batch inputs 2
//! d   FOLDER                          folder 0, 1, 2, … in order of appearance
//! t   COLUMNS  TABLE                  table 0, 1, 2, …: `4`, with columns of charge and spin `4,c5,s6`, from 0
//! s   PATH  STORE                     file with several structures 0, 1, 2, …, and the file that holds the bytes;
//!                                     nothing for the spool, which lies beside the manifest
//! f   FOLDER_NUMBER  NAME  [ID]       a file; ID where it is not NAME without .cif
//! r   TABLE_NUMBER  ROW  BYTE  ID     a row of a table
//! p   FILE_NUMBER  FORMAT_PACKING  BYTE  LENGTH  LINE  NAME  [ID]    a part of a file
//! ```
//!
//! `FORMAT_PACKING` is `c`, `x`, `v`, `j` or `n` (CIF, XYZ, POSCAR, JSON, JSON lines), then `s` (stored), `d` or `z` and a CRC-32 (deflate,
//! Zstandard), `l` (a link), `e` (encrypted) or `m` and a number (an unknown method of ZIP). Version 1 had no `s` and `p`.
//!
//! In memory is the last megabyte of it, without the lines `d`, `t` and `s`, and where every 64th line lies; the rest is
//! on disk, in a temporary file, or in the manifest itself once there is one.
//!
//! Module order: `lines`, `part` ← `list` ← `file`.

mod file;
mod lines;
mod list;
mod part;
#[cfg(test)]
mod tests;

pub use list::Manifest;
