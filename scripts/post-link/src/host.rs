//! What a proxy offers to the module, as far as requests that are accepted need it. It behaves as Envoy does, with a clock and
//! a source of random bytes that are the same in every run.

use std::collections::BTreeMap;

use wasmi::{Caller, Engine, Error, ExternType, Linker, Memory, Module, Val};

use crate::signatures::Signatures;

/// The statuses of the ABI.
const OK: u32 = 0;
const NOT_FOUND: u32 = 1;

/// The buffers of the ABI.
const REQUEST_BODY: u32 = 0;
const RESPONSE_BODY: u32 = 1;
const PLUGIN_CONFIGURATION: u32 = 7;

/// How much time passes between two looks at the clock, in nanoseconds.
const MOMENT: u64 = 1000;

/// The state of the proxy around one VM.
#[derive(Default)]
pub struct Host {
    /// The plugin's configuration.
    pub configuration: Vec<u8>,
    /// The headers of the current request, as the ABI passes them.
    pub headers: Vec<u8>,
    /// What has arrived of its body and was not forwarded.
    pub body: Vec<u8>,
    /// Whether the module has answered it.
    pub answered: bool,
    /// The time, in nanoseconds since 1970.
    pub clock: u64,
    /// The last line that the module logged.
    pub log: String,
    random: u8,
    metrics: u32,
    shared: BTreeMap<Vec<u8>, Vec<u8>>,
    signatures: Signatures,
}

impl Host {
    /// The host of a VM with this configuration, at this time in nanoseconds since 1970.
    pub fn new(configuration: Vec<u8>, now: u64) -> Self {
        Self { configuration, clock: now, ..Self::default() }
    }
}

fn property(path: &[u8]) -> Option<&'static [u8]> {
    match path {
        b"connection_id" => Some(&[7, 0, 0, 0, 0, 0, 0, 0]),
        b"source\0address" => Some(b"192.0.2.7:40000"),
        _ => None,
    }
}

/// Headers as the ABI passes them: their number, the lengths, and the texts, each with a zero behind it.
pub fn serialize(headers: &[(String, Vec<u8>)]) -> Vec<u8> {
    let length = |text: &[u8]| (text.len() as u32).to_le_bytes();
    let mut bytes = (headers.len() as u32).to_le_bytes().to_vec();
    for (name, value) in headers {
        bytes.extend(length(name.as_bytes()).into_iter().chain(length(value)));
    }
    for (name, value) in headers {
        bytes.extend([name.as_bytes(), b"\0", value, b"\0"].concat());
    }
    bytes
}

/// The functions that the module imports. Those that no accepted request needs end the run.
pub fn linker(engine: &Engine, module: &Module) -> Result<Linker<Host>, Error> {
    let mut linker = Linker::new(engine);
    linker.allow_shadowing(true);
    for import in module.imports() {
        let ExternType::Func(ty) = import.ty() else { continue };
        let name = import.name().to_owned();
        linker.func_new(import.module(), import.name(), ty.clone(), move |_, _: &[Val], _: &mut [Val]| {
            Err(Error::new(format!("it calls {name}, which src/host.rs does not offer")))
        })?;
    }
    offer_stream(&mut linker)?;
    offer_services(&mut linker)?;
    offer_wasi(&mut linker)?;
    Ok(linker)
}

/// What concerns the request.
fn offer_stream(linker: &mut Linker<Host>) -> Result<(), Error> {
    let env = "env";
    linker.func_wrap(
        env,
        "proxy_get_buffer_bytes",
        |mut caller: Caller<'_, Host>, kind: u32, start: u32, size: u32, data: u32, length: u32| {
            let host = caller.data();
            let buffer = match kind {
                REQUEST_BODY => &host.body[..],
                RESPONSE_BODY => b"ok",
                PLUGIN_CONFIGURATION => &host.configuration,
                _ => return Ok(NOT_FOUND),
            };
            let start = buffer.len().min(start as usize);
            let end = buffer.len().min(start.saturating_add(size as usize));
            let bytes = buffer[start..end].to_vec();
            give(&mut caller, &bytes, data, length)
        },
    )?;
    linker.func_wrap(
        env,
        "proxy_get_header_map_pairs",
        |mut caller: Caller<'_, Host>, _: u32, data: u32, length: u32| {
            let headers = caller.data().headers.clone();
            give(&mut caller, &headers, data, length)
        },
    )?;
    linker.func_wrap(env, "proxy_add_header_map_value", |_: u32, _: u32, _: u32, _: u32, _: u32| OK)?;
    linker.func_wrap(env, "proxy_replace_header_map_value", |_: u32, _: u32, _: u32, _: u32, _: u32| OK)?;
    linker.func_wrap(env, "proxy_remove_header_map_value", |_: u32, _: u32, _: u32| OK)?;
    linker.func_wrap(
        env,
        "proxy_send_local_response",
        |mut caller: Caller<'_, Host>, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32| {
            caller.data_mut().answered = true;
            OK
        },
    )?;
    linker.func_wrap(
        env,
        "proxy_get_property",
        |mut caller: Caller<'_, Host>, path: u32, size: u32, data: u32, length: u32| {
            let path = read(&caller, path, size)?;
            match property(&path) {
                Some(value) => give(&mut caller, value, data, length),
                None => Ok(NOT_FOUND),
            }
        },
    )?;
    linker.func_wrap(env, "proxy_set_property", |_: u32, _: u32, _: u32, _: u32| OK)?;
    Ok(())
}

/// What concerns the plugin.
fn offer_services(linker: &mut Linker<Host>) -> Result<(), Error> {
    let env = "env";
    linker.func_wrap(env, "proxy_log", |mut caller: Caller<'_, Host>, _: u32, text: u32, size: u32| {
        let text = read(&caller, text, size)?;
        caller.data_mut().log = String::from_utf8_lossy(&text).into_owned();
        Ok(OK)
    })?;
    linker.func_wrap(env, "proxy_get_current_time_nanoseconds", |mut caller: Caller<'_, Host>, time: u32| {
        caller.data_mut().clock += MOMENT;
        let now = caller.data().clock;
        write(&mut caller, time, &now.to_le_bytes())
    })?;
    linker.func_wrap(env, "proxy_set_tick_period_milliseconds", |_: u32| OK)?;
    linker.func_wrap(env, "proxy_set_effective_context", |_: u32| OK)?;
    linker.func_wrap(
        env,
        "proxy_define_metric",
        |mut caller: Caller<'_, Host>, _: u32, _: u32, _: u32, metric: u32| {
            caller.data_mut().metrics += 1;
            let id = caller.data().metrics;
            write(&mut caller, metric, &id.to_le_bytes())
        },
    )?;
    linker.func_wrap(env, "proxy_record_metric", |_: u32, _: u64| OK)?;
    linker.func_wrap(env, "proxy_increment_metric", |_: u32, _: u64| OK)?;
    linker.func_wrap(
        env,
        "proxy_get_shared_data",
        |mut caller: Caller<'_, Host>, key: u32, size: u32, data: u32, length: u32, version: u32| {
            let key = read(&caller, key, size)?;
            let Some(value) = caller.data().shared.get(&key).cloned() else { return Ok(NOT_FOUND) };
            write(&mut caller, version, &1_u32.to_le_bytes())?;
            give(&mut caller, &value, data, length)
        },
    )?;
    linker.func_wrap(
        env,
        "proxy_set_shared_data",
        |mut caller: Caller<'_, Host>, key: u32, size: u32, value: u32, length: u32, _: u32| {
            let (key, value) = (read(&caller, key, size)?, read(&caller, value, length)?);
            caller.data_mut().shared.insert(key, value);
            Ok(OK)
        },
    )?;
    linker.func_wrap(
        env,
        "proxy_call_foreign_function",
        |mut caller: Caller<'_, Host>, name: u32, size: u32, text: u32, text_size: u32, data: u32, length: u32| {
            if read(&caller, name, size)? != b"verify_signature" {
                return Ok(NOT_FOUND);
            }
            let question = read(&caller, text, text_size)?;
            let answer = caller.data_mut().signatures.answer(&question);
            give(&mut caller, answer, data, length)
        },
    )?;
    Ok(())
}

fn offer_wasi(linker: &mut Linker<Host>) -> Result<(), Error> {
    let wasi = "wasi_snapshot_preview1";
    linker.func_wrap(wasi, "random_get", |mut caller: Caller<'_, Host>, data: u32, size: u32| {
        let bytes: Vec<u8> = (0..size).map(|at| (at as u8).wrapping_add(caller.data().random)).collect();
        let random = &mut caller.data_mut().random;
        *random = random.wrapping_add(1);
        write(&mut caller, data, &bytes)
    })?;
    linker.func_wrap(wasi, "environ_get", |_: u32, _: u32| OK)?;
    linker.func_wrap(wasi, "environ_sizes_get", |mut caller: Caller<'_, Host>, count: u32, size: u32| {
        write(&mut caller, count, &0_u32.to_le_bytes())?;
        write(&mut caller, size, &0_u32.to_le_bytes())
    })?;
    Ok(())
}

fn memory(caller: &Caller<'_, Host>) -> Result<Memory, Error> {
    let memory = caller.get_export("memory").and_then(|export| export.into_memory());
    memory.ok_or_else(|| Error::new("it does not export its memory"))
}

fn read(caller: &Caller<'_, Host>, at: u32, size: u32) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; size as usize];
    memory(caller)?.read(caller, at as usize, &mut bytes).map_err(|error| Error::new(error.to_string()))?;
    Ok(bytes)
}

fn write(caller: &mut Caller<'_, Host>, at: u32, bytes: &[u8]) -> Result<u32, Error> {
    memory(caller)?.write(caller, at as usize, bytes).map_err(|error| Error::new(error.to_string()))?;
    Ok(OK)
}

/// Copies bytes into memory that the module allocates, and tells it where.
fn give(caller: &mut Caller<'_, Host>, bytes: &[u8], data: u32, length: u32) -> Result<u32, Error> {
    let allocate = caller.get_export("proxy_on_memory_allocate").and_then(|export| export.into_func());
    let allocate = allocate.ok_or_else(|| Error::new("it does not export proxy_on_memory_allocate"))?;
    let at = allocate.typed::<u32, u32>(&*caller)?.call(&mut *caller, bytes.len() as u32)?;
    write(caller, at, bytes)?;
    write(caller, data, &at.to_le_bytes())?;
    write(caller, length, &(bytes.len() as u32).to_le_bytes())
}
