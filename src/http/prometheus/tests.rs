//! How values, times and parameters are written.

use actix_web::body::to_bytes;
use actix_web::dev::Payload;
use actix_web::test::TestRequest;
use actix_web::{FromRequest, HttpResponse, ResponseError, web};
use serde_json::json;

use super::params::Params;
use super::*;
use crate::history::promql::{Labels, Sampled};
use crate::store::read::ReadError;

async fn read(request: TestRequest) -> Result<Params, Failure> {
    let (request, mut payload) = request.to_http_parts();
    let body = web::Payload::from_request(&request, &mut payload).await.unwrap();
    let _: Payload = payload;
    Params::read(&request, body, 1_000, Duration::from_secs(5)).await
}

async fn text(response: HttpResponse) -> String {
    String::from_utf8(to_bytes(response.into_body()).await.unwrap().to_vec()).unwrap()
}

#[actix_web::test]
async fn parameters_come_from_the_form_and_the_url_and_repeat() {
    let request = TestRequest::post()
        .uri("/?match%5B%5D=b&limit=7")
        .insert_header(("content-type", "application/x-www-form-urlencoded; charset=utf-8"))
        .set_payload("match[]=a%20%2B&match[]=c+d&limit=");
    let params = read(request).await.unwrap();
    assert_eq!(params.texts("match[]").collect::<Vec<_>>(), ["a +", "c d", "b"]);
    assert_eq!(params.limit().unwrap(), None);
    let long = TestRequest::post()
        .insert_header(("content-type", "application/x-www-form-urlencoded"))
        .set_payload("x".repeat(2_000));
    let too_large = read(long).await.unwrap_err();
    assert_eq!(
        too_large.to_string(),
        "bad_data: the body is larger than 1000 bytes"
    );
    assert_eq!(too_large.error_response().status(), 413);
    let no_text = TestRequest::post()
        .insert_header(("content-type", "application/x-www-form-urlencoded"))
        .set_payload("query=%ff");
    let no_text = read(no_text).await.unwrap_err();
    assert_eq!(no_text.error_response().status(), 400);
}

#[actix_web::test]
async fn times_and_durations_are_read_to_the_millisecond() {
    let params = read(TestRequest::with_uri(
        "/?a=1435781430.7814&b=2015-07-01T20:10:30.781Z&c=1m30s&d=0.5&e=soon&f=1e300&g=-1",
    ))
    .await
    .unwrap();
    let moment = Some(Micros(1_435_781_430_781_000));
    assert_eq!(
        (params.time("a").unwrap(), params.time("b").unwrap()),
        (moment, moment)
    );
    assert_eq!(params.span("c").unwrap(), Some(Duration::from_secs(90)));
    assert_eq!(params.span("d").unwrap(), Some(Duration::from_millis(500)));
    assert_eq!(params.time("none").unwrap(), None);
    for name in ["e", "f"] {
        let why = params.time(name).unwrap_err().to_string();
        assert!(why.contains("to a valid timestamp"), "{why}");
    }
    for name in ["e", "f", "g"] {
        assert!(params.span(name).is_err(), "{name}");
    }
}

#[actix_web::test]
async fn values_are_texts_and_times_seconds() {
    let line = |values: &[f64]| Sampled {
        labels: Labels::from([("__name__".into(), "m".into())]),
        samples: values
            .iter()
            .zip(0..)
            .map(|(value, n)| (Micros(1_000_000_000 + n * 1_000), *value))
            .collect(),
    };
    let values = [
        0.1,
        -0.0,
        1e20,
        1e21,
        1.5e-7,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ];
    let answer = text(answer::matrix(vec![line(&values)], None)).await;
    assert_eq!(
        answer,
        r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"m"},"values":[[1000,"0.1"],[1000.001,"-0"],[1000.002,"100000000000000000000"],[1000.003,"1e+21"],[1000.004,"1.5e-7"],[1000.005,"NaN"],[1000.006,"+Inf"],[1000.007,"-Inf"]]}]}}"#
    );
    let answer = text(answer::vector(vec![line(&[1.0]), line(&[2.0])], Some(1))).await;
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let result = json!([{"metric": {"__name__": "m"}, "value": [1000, "1"]}]);
    assert_eq!(
        answer,
        json!({"status": "success", "data": {"resultType": "vector", "result": result},
               "warnings": ["results truncated due to limit"]})
    );
}

#[actix_web::test]
async fn whoever_must_wait_is_told_for_how_long_and_whose_doing_it_is() {
    for (own_share, status) in [(true, 429), (false, 503)] {
        let answer = Failure::from(ReadError::Overloaded { own_share }).error_response();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers().get("retry-after").unwrap(), "1");
        let body: serde_json::Value = serde_json::from_str(&text(answer).await).unwrap();
        assert_eq!(body["errorType"], "unavailable");
    }
    let answer = Failure::from(ReadError::TooManyInstants { limit: 5 }).error_response();
    assert_eq!(answer.status(), 422);
}
