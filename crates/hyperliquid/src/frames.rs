//! LZ4 frames, read so that a file that is broken off is told from one that ends.

use std::io::{self, Read};

use lz4_flex::frame::FrameDecoder;

/// The contents of one or more LZ4 frames. Unlike the decoder alone it tells a file that ends between two blocks of a
/// frame from one that ends behind the frame's end mark.
pub(crate) struct Frames<R: Read> {
    decoder: FrameDecoder<Watched<R>>,
}

/// Counts what the decoder reads, so that the end of a frame and the end of the file can be told apart.
struct Watched<R> {
    input: R,
    bytes_since_frame_end: u64,
    at_end: bool,
}

impl<R: Read> Frames<R> {
    /// Reads frames from `input`.
    pub(crate) fn new(input: R) -> Frames<R> {
        Frames { decoder: FrameDecoder::new(Watched { input, bytes_since_frame_end: 0, at_end: false }) }
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let watched = self.decoder.get_mut();
            if !watched.at_end {
                // The end mark of a frame; another frame may follow.
                watched.bytes_since_frame_end = 0;
            } else if watched.bytes_since_frame_end == 0 {
                return Ok(0);
            } else {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file ends inside an LZ4 frame"));
            }
        }
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.bytes_since_frame_end += read as u64;
        self.at_end = read == 0 && !buffer.is_empty();
        Ok(read)
    }
}
