//! Streams: selecting, resuming and answering them.

use super::answer::Answer;
use super::state::{BAD_ARGUMENT, INTERNAL_FAILURE, OK, ROOT, Stream, current, host, refuses};
use super::wire::{bytes, deserialize};

#[unsafe(no_mangle)]
extern "C" fn proxy_set_effective_context(context_id: u32) -> u32 {
    if refuses("proxy_set_effective_context", "") {
        return INTERNAL_FAILURE;
    }
    host(|host| match host.streams.get(&context_id) {
        None if context_id == ROOT => {
            host.current = ROOT;
            OK
        }
        Some(stream) if !stream.is_over => {
            host.current = context_id;
            OK
        }
        _ => BAD_ARGUMENT,
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_continue_stream(kind: u32) -> u32 {
    if refuses("proxy_continue_stream", if kind == 0 { "request" } else { "response" }) {
        return INTERNAL_FAILURE;
    }
    const REQUEST: u32 = 0;
    let resume = |stream: &mut Stream| match kind {
        REQUEST => {
            stream.resumed.0 = true;
            stream.upstream.headers.get_or_insert_with(|| stream.headers.clone());
            stream.upstream.body.append(&mut stream.body);
        }
        _ => stream.resumed.1 = true,
    };
    current(resume).map_or(BAD_ARGUMENT, |()| OK)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_send_local_response(
    status: u32,
    _details: *const u8,
    _details_size: usize,
    body: *const u8,
    body_size: usize,
    headers: *const u8,
    headers_size: usize,
    _grpc_status: i32,
) -> u32 {
    if refuses("proxy_send_local_response", status.to_string()) {
        return INTERNAL_FAILURE;
    }
    // SAFETY: the SDK passes valid pointers with their lengths.
    let (body, headers) = unsafe { (bytes(body, body_size), bytes(headers, headers_size)) };
    let answer = Answer { status, headers: deserialize(&headers), body };
    current(|stream| stream.answers.push(answer)).map_or(BAD_ARGUMENT, |()| OK)
}
