//! Limits of a connection: its place, memory and time, of its client's share and of the whole.
//!
//! Every connection counts from the moment it is accepted, even without a request. A few beyond the
//! limit get an error response; the others are closed immediately.

mod body;
mod clock;
mod connection;
mod limiter;
pub mod open_files;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::Error;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Extensions, ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::rt::net::TcpStream;

use self::body::Paced;
use self::connection::{Busy, Speech};
pub(super) use self::connection::{Connection, DOORWAY};
pub use self::connection::{Connections, Limits};
pub(super) use self::limiter::{ClientPermit, Full};
use super::guard::AnswerHeaders;

/// About how many bytes a parsed JSON value takes.
const VALUE: usize = 100;

/// For `HttpServer::on_connect`, which calls it in the worker's thread.
pub fn on_connect(all: &Arc<Connections>) -> impl Fn(&dyn Any, &mut Extensions) + Send + Sync + use<> {
    let all = Arc::clone(all);
    move |io, extensions| {
        if let Some(stream) = io.downcast_ref::<TcpStream>() {
            let connection = Rc::new(all.admit(stream, Speech::Plain));
            clock::watch(&connection);
            extensions.insert(connection);
        }
    }
}

/// A connection that has not shown yet that it speaks TLS. `None` for one that is closed at once.
pub(super) fn admit_before_tls(all: &Arc<Connections>, stream: &TcpStream) -> Option<Rc<Connection>> {
    let connection = Rc::new(all.admit(stream, Speech::Tls));
    if connection.is_turned_away() {
        return None;
    }
    clock::watch(&connection);
    Some(connection)
}

/// The outermost middleware: answers connections over the limit, and watches each answer until it is
/// sent.
pub(super) async fn watch(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(connection) = Connection::of(request.request()) else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    if let Some(mut answer) = connection.refusal(request.request()) {
        AnswerHeaders::of(request.request()).put(answer.headers_mut());
        return Ok(request.into_response(answer));
    }
    let busy = Busy::with(Rc::clone(&connection));
    let mut response = next.call(request).await?.map_into_boxed_body();
    if let BodySize::Sized(bytes) = response.response().body().size()
        && let Err(full) = connection.hold(usize::try_from(bytes).unwrap_or(usize::MAX))
    {
        let mut answer = full.http_error().respond_to(response.request(), full.why());
        AnswerHeaders::of(response.request()).put(answer.headers_mut());
        response = response.into_response(answer);
    }
    Ok(response.map_body(|_, body| BoxBody::new(Paced::new(body, busy))))
}

/// The bytes of a JSON text together with its parsed values.
pub(super) fn of_json(text: &[u8]) -> usize {
    let begins_value = |byte: &&u8| matches!(byte, b',' | b':' | b'[' | b'{');
    text.len() + VALUE * text.iter().filter(begins_value).count()
}
