//! The document of the API: valid JSON that names what there is.

use serde_json::Value;

use super::*;
use crate::data::{Problem, Scope, Selector};
use crate::formats::Format;
use crate::store::read::ReadError;

fn document() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

fn parameters(path: &str) -> Vec<String> {
    let document = document();
    let list = document["paths"][path]["get"]["parameters"].as_array().unwrap();
    let name = |parameter: &Value| match parameter["$ref"].as_str() {
        Some(link) => link.rsplit('/').next().unwrap().to_owned(),
        None => parameter["name"].as_str().unwrap().to_owned(),
    };
    list.iter()
        .map(name)
        .filter(|name| name != "If-None-Match")
        .collect()
}

#[test]
fn the_document_lists_the_very_parameters_that_are_read() {
    let with = |own: &[&'static str]| [&params::COMMON[..], own].concat();
    assert_eq!(parameters("/api/v1/points"), with(&points::OWN));
    assert_eq!(parameters("/api/v1/history"), with(&history::OWN));
    let paths = document()["paths"].as_object().unwrap().len();
    assert_eq!(paths, 3);
}

#[test]
fn the_document_names_every_format() {
    for path in ["/api/v1/points", "/api/v1/history"] {
        let content = &document()["paths"][path]["get"]["responses"]["200"]["content"];
        let documented = content.as_object().unwrap();
        assert_eq!(documented.len(), Format::ALL.len());
        for format in Format::ALL {
            assert!(documented.contains_key(format.media_type()), "{format:?}");
        }
    }
    let names = document()["components"]["parameters"]["format"]["schema"]["enum"].clone();
    assert_eq!(names, serde_json::json!(Format::ALL.map(Format::name)));
}

#[test]
fn whoever_must_wait_is_told_for_how_long_and_whose_doing_it_is() {
    for (own_share, status) in [(true, 429), (false, 503)] {
        let problem = Problem::from(ReadError::Overloaded { own_share });
        let extensions = &problem.extensions;
        assert_eq!(extensions["code"], "OVERLOADED");
        assert_eq!(extensions["retryAfter"], 1);
        let answer = answer::failed(&problem);
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers().get("retry-after").unwrap(), "1");
    }
}

#[test]
fn what_one_viewer_has_kept_is_no_answer_to_another() {
    let request = actix_web::test::TestRequest::default().to_http_request();
    let tag = |scope: Scope| answer::tag(&request, Format::Json, &scope, "1");
    let of = |metric: &str| Selector::new(Some(metric.to_owned()), Vec::new());
    let both = tag(Scope::any_of([of("a"), of("b")]));
    assert_eq!(both, tag(Scope::any_of([of("b"), of("a")])));
    for other in [
        Scope::everything(),
        Scope::any_of([]),
        Scope::any_of([of("a")]),
        Scope::any_of([of("a, b")]),
    ] {
        assert_ne!(both, tag(other));
    }
}
