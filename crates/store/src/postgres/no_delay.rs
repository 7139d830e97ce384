//! Packets to the server leave at once.
//!
//! Version 0.9.0 of the driver lost the setting (its issue 4335, mended behind that version): the last, small packet of a
//! statement with much data then waits some 40 ms for the server's acknowledgement of the packet before it. To be removed
//! with the next version.

/// Turns the delay of small packets off, for every TCP socket of the process: the driver tells nobody its own, and the others,
/// those of HTTP, have it off already.
pub(crate) fn set() {
    #[cfg(unix)]
    for descriptor in descriptors() {
        #[expect(unsafe_code, reason = "the driver keeps its sockets to itself: there is but their number")]
        // SAFETY: used for one call that changes nothing but an option of a TCP socket; a number that was closed meanwhile is
        // refused, and one that was given to another socket gets a setting that all of them shall have.
        let socket = unsafe { std::os::fd::BorrowedFd::borrow_raw(descriptor) };
        // What is no TCP socket refuses.
        let _ = rustix::net::sockopt::set_tcp_nodelay(socket, true);
    }
}

/// The open descriptors; none where the system does not list them, and the driver is as slow as it is.
#[cfg(unix)]
fn descriptors() -> impl Iterator<Item = i32> {
    let entries = std::fs::read_dir("/dev/fd").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

#[cfg(all(test, unix))]
mod tests {
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn every_open_socket_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(!stream.nodelay().unwrap());
        super::set();
        assert!(stream.nodelay().unwrap());
    }
}
