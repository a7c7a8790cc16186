//! How a request asks for a WebSocket.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::UPGRADE;

/// The request is for a WebSocket.
pub fn is_asked(request: &HttpRequest) -> bool {
    let upgrade = request.headers().get(UPGRADE);
    let upgrade = upgrade.and_then(|value| value.to_str().ok());
    request.method() == Method::GET && upgrade.is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
}
