//! A TLS connection as actix reads and writes it, with what is known of its client.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::access::Certificate;
use crate::http::connections::Connection;

type Inner = tokio_rustls::server::TlsStream<TcpStream>;

pub(super) struct TlsStream {
    /// Until actix keeps it among the connection's data. Before the socket, as it is dropped first.
    connection: Cell<Option<Rc<Connection>>>,
    /// What the client has shown, likewise.
    certificate: Cell<Option<Certificate>>,
    inner: Inner,
}

impl TlsStream {
    pub fn new(inner: Inner, connection: Rc<Connection>, certificate: Option<Certificate>) -> Self {
        Self {
            connection: Cell::new(Some(connection)),
            certificate: Cell::new(certificate),
            inner,
        }
    }

    /// Leaves what later parts ask for among the data of the connection.
    pub fn introduce(&self, data: &mut Extensions) {
        if let Some(connection) = self.connection.take() {
            data.insert(connection);
        }
        if let Some(certificate) = self.certificate.take() {
            data.insert(certificate);
        }
    }

    fn inner(self: Pin<&mut Self>) -> Pin<&mut Inner> {
        Pin::new(&mut self.get_mut().inner)
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_read(cx, into)
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.inner().poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.inner().poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
