//! HTTP/2 over plain TCP, with prior knowledge.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;

use bytes::Bytes;
use h2::SendStream;
use h2::client::{ResponseFuture, SendRequest};

use crate::harness::client::{Framing, Reply, Request, TIMEOUT};

/// Sends one request on a new connection; `Err` says how the stream was reset.
pub fn send(to: SocketAddr, request: &Request) -> Result<Reply, String> {
    run(exchange(to, request))
}

/// Sends requests as concurrent streams of one connection: all heads, then the bodies in small interleaved frames. An
/// abandoned stream has no reply.
pub fn send_streams(to: SocketAddr, requests: &[(Request, Ending)]) -> Vec<Option<Reply>> {
    run(exchange_streams(to, requests)).expect("responses, not reset streams")
}

/// Sends a request without its end of stream, and resets the stream as soon as `is_enough`.
pub fn send_without_end(to: SocketAddr, request: &Request, is_enough: impl Fn() -> bool) {
    run(async {
        let mut client = connect(to).await?.ready().await.map_err(text)?;
        let (_response, mut sending) = client.send_request(head_of(request)?, false).map_err(text)?;
        sending.send_data(Bytes::copy_from_slice(&request.body), false).map_err(text)?;
        // Lets the connection's task write what was sent.
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
            if is_enough() {
                break;
            }
        }
        sending.send_reset(h2::Reason::CANCEL);
        // Lets the connection's task write the reset.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        Ok(())
    })
    .unwrap_or_else(|error: String| panic!("{error}"));
}

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Complete,
    /// The client resets it before the last byte.
    Abandoned,
}

async fn exchange_streams(to: SocketAddr, requests: &[(Request, Ending)]) -> Result<Vec<Option<Reply>>, String> {
    const FRAME: usize = 3;

    let mut client = connect(to).await?;
    let mut streams = Vec::new();
    for (request, _) in requests {
        client = client.ready().await.map_err(text)?;
        streams.push(client.send_request(head_of(request)?, false).map_err(text)?);
    }
    let longest = requests.iter().map(|(request, _)| request.body.len()).max().unwrap_or_default();
    for start in (0..longest).step_by(FRAME) {
        for ((request, ending), (_, sending)) in requests.iter().zip(&mut streams) {
            let body = &request.body;
            let end = (start + FRAME).min(body.len());
            if start >= end {
                continue;
            }
            if end == body.len() && *ending == Ending::Abandoned {
                sending.send_reset(h2::Reason::CANCEL);
                continue;
            }
            let frame = Bytes::copy_from_slice(&body[start..end]);
            // Envoy closes denied streams before the body is sent.
            let _ = sending.send_data(frame, end == body.len());
            tokio::task::yield_now().await;
        }
    }
    let mut replies = Vec::new();
    for ((_, ending), (response, _)) in requests.iter().zip(streams) {
        replies.push(match ending {
            Ending::Complete => Some(receive(response).await?),
            Ending::Abandoned => None,
        });
    }
    Ok(replies)
}

async fn exchange(to: SocketAddr, request: &Request) -> Result<Reply, String> {
    let mut client = connect(to).await?.ready().await.map_err(text)?;
    let nothing_follows = request.body.is_empty() && request.trailers.is_empty();
    let ends_with_headers = nothing_follows && request.framing == Framing::ContentLength;
    let (response, mut sending) = client.send_request(head_of(request)?, ends_with_headers).map_err(text)?;
    if !ends_with_headers {
        // Envoy may answer, and close the stream, before the body is sent.
        let _ = send_body(&mut sending, request).await;
    }
    receive(response).await
}

fn run<T>(exchange: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime
        .block_on(async { tokio::time::timeout(TIMEOUT, exchange).await })
        .unwrap_or_else(|_| panic!("no response within {TIMEOUT:?}"))
}

async fn connect(to: SocketAddr) -> Result<SendRequest<Bytes>, String> {
    let stream = tokio::net::TcpStream::connect(to).await.map_err(text)?;
    stream.set_nodelay(true).map_err(text)?;
    let (client, connection) = h2::client::handshake(stream).await.map_err(text)?;
    tokio::spawn(async move {
        // The stream's own result shows a reset.
        let _ = connection.await;
    });
    Ok(client)
}

fn head_of(request: &Request) -> Result<http::Request<()>, String> {
    let uri = format!("http://{}{}", request.host, request.path);
    let mut head = http::Request::builder().method(request.method).uri(uri);
    let declares_length = request.headers.iter().any(|(name, _)| name == "content-length");
    for (name, value) in &request.headers {
        head = head.header(name.to_ascii_lowercase(), value.as_slice());
    }
    if request.framing == Framing::ContentLength && !request.body.is_empty() && !declares_length {
        head = head.header("content-length", request.body.len());
    }
    head.body(()).map_err(text)
}

async fn receive(response: ResponseFuture) -> Result<Reply, String> {
    let (head, mut receiving) = response.await.map_err(text)?.into_parts();
    let mut body = Vec::new();
    while let Some(chunk) = receiving.data().await {
        let chunk = chunk.map_err(text)?;
        let _ = receiving.flow_control().release_capacity(chunk.len());
        body.extend_from_slice(&chunk);
    }
    let headers = head.headers.iter();
    Ok(Reply {
        status: head.status.as_u16(),
        headers: headers.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect(),
        body,
    })
}

async fn send_body(sending: &mut SendStream<Bytes>, request: &Request) -> Result<(), String> {
    let frame = match request.framing {
        Framing::ContentLength => 16384,
        Framing::Chunks(size) => size,
    };
    let ends_with_body = request.trailers.is_empty();
    if request.body.is_empty() && ends_with_body {
        sending.send_data(Bytes::new(), true).map_err(text)?;
    }
    let mut chunks = request.body.chunks(frame).peekable();
    while let Some(chunk) = chunks.next() {
        let mut rest = Bytes::copy_from_slice(chunk);
        while !rest.is_empty() {
            sending.reserve_capacity(rest.len());
            let granted = poll_fn(|context| sending.poll_capacity(context)).await;
            let granted = granted.ok_or("the stream is closed")?.map_err(text)?;
            let part = rest.split_to(granted.min(rest.len()));
            let last = rest.is_empty() && chunks.peek().is_none() && ends_with_body;
            sending.send_data(part, last).map_err(text)?;
        }
    }
    if !ends_with_body {
        let mut trailers = http::HeaderMap::new();
        for (name, value) in &request.trailers {
            let name = http::HeaderName::from_bytes(name.as_bytes()).map_err(text)?;
            trailers.append(name, http::HeaderValue::from_bytes(value).map_err(text)?);
        }
        sending.send_trailers(trailers).map_err(text)?;
    }
    Ok(())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
