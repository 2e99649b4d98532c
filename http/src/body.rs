//! JSON bodies: bounded in size and time, with errors that say where.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use fullhouse_schemas::http::BODY_BYTES_MAX;
use fullhouse_schemas::object::Object;
use fullhouse_schemas::{Code, Problem};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;

use crate::problem::Failure;

/// How long a body may take to arrive.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// So much of a body that is too large is read before that is said.
const DISCARDED_BYTES_MAX: usize = 8 << 20;

/// A JSON body of up to `BYTES_MAX` bytes.
#[derive(Debug)]
pub struct JsonBody<T, const BYTES_MAX: usize = BODY_BYTES_MAX> {
    /// What it says.
    pub value: T,
    /// As it came.
    pub bytes: Bytes,
}

impl<S: Send + Sync, T: DeserializeOwned, const BYTES_MAX: usize> FromRequest<S> for JsonBody<T, BYTES_MAX> {
    type Rejection = Failure;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Failure> {
        let is_json = is_json(request.headers());
        Self::of(collect(request, BYTES_MAX).await?, is_json)
    }
}

/// A body that may be absent. Many clients announce JSON also when they send nothing.
impl<S: Send + Sync, T: DeserializeOwned, const BYTES_MAX: usize> OptionalFromRequest<S> for JsonBody<T, BYTES_MAX> {
    type Rejection = Failure;

    async fn from_request(request: Request, _state: &S) -> Result<Option<Self>, Failure> {
        let is_json = is_json(request.headers());
        let bytes = collect(request, BYTES_MAX).await?;
        if bytes.is_empty() { Ok(None) } else { Self::of(bytes, is_json).map(Some) }
    }
}

impl<T: DeserializeOwned, const BYTES_MAX: usize> JsonBody<T, BYTES_MAX> {
    fn of(bytes: Bytes, is_json: bool) -> Result<Self, Failure> {
        if !is_json {
            return Err(Problem::new(Code::UnsupportedMediaType, "Send `Content-Type: application/json`.").into());
        }
        Ok(Self { value: parse(&bytes)?, bytes })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let media_type = value.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/json")
}

async fn collect(request: Request, bytes_max: usize) -> Result<Bytes, Failure> {
    let too_large = || Problem::new(Code::PayloadTooLarge, format!("The body is larger than {bytes_max} bytes."));
    let announced =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<u64>().ok());
    if announced.is_some_and(|length| length > bytes_max as u64) {
        // Who asks first whether to send it need not.
        if !request.headers().contains_key(header::EXPECT) {
            discard(&mut request.into_body()).await;
        }
        return Err(too_large().into());
    }
    let mut body = request.into_body();
    match tokio::time::timeout(BODY_TIMEOUT, read(&mut body, bytes_max)).await {
        Err(_elapsed) => {
            let detail = format!("The body did not arrive within {} seconds.", BODY_TIMEOUT.as_secs());
            Err(Problem::new(Code::RequestTimeout, detail).into())
        }
        Ok(Err(error)) => Err(Problem::new(Code::BadRequest, format!("The body can't be read: {error}.")).into()),
        Ok(Ok(None)) => {
            discard(&mut body).await;
            Err(too_large().into())
        }
        Ok(Ok(Some(bytes))) => Ok(bytes),
    }
}

/// A body of up to so many bytes; nothing, when there are more. It is a copy, so that what is read next from the connection can go where
/// this was.
async fn read(body: &mut Body, bytes_max: usize) -> Result<Option<Bytes>, axum::Error> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if data.len() > bytes_max - bytes.len() {
            return Ok(None);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Some(bytes.into()))
}

/// Reads the rest of a body that is too large, and keeps none of it. Many clients look for an answer only when they have sent everything; when the
/// connection is closed before, they never see it.
async fn discard(body: &mut Body) {
    let reading = async {
        let mut left = DISCARDED_BYTES_MAX;
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                return;
            }
        }
    };
    // Whoever is slower has had his chance.
    let _ = tokio::time::timeout(BODY_TIMEOUT, reading).await;
}

/// Malformed JSON is 400; JSON that says something else than is needed is 422.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    // To know the way to each value costs time, and only an error needs it.
    if let Ok(Object(parsed)) = serde_json::from_slice(bytes) {
        return Ok(parsed);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let Object(parsed) = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let place = if path == "." { String::new() } else { format!("{path}: ") };
        let code = match error.inner().classify() {
            serde_json::error::Category::Data => Code::UnprocessableContent,
            serde_json::error::Category::Syntax | serde_json::error::Category::Eof | serde_json::error::Category::Io => Code::BadRequest,
        };
        Problem::new(code, format!("{place}{}.", error.inner()))
    })?;
    deserializer.end().map_err(|error| Problem::new(Code::BadRequest, format!("There is something behind the JSON value: {error}.")))?;
    Ok(parsed)
}
