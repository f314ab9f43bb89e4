//! nginx with njs: `js_content` reads the body, computes the HMAC and redirects to the upstream. Basic auth is nginx's own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

use crate::check::{Check, PASSWORD, SIGNED, USER};
use crate::peer::{Absent, Peer};
use crate::program::{find, folder, free_addresses, start};

pub fn start_nginx(upstream: SocketAddr) -> Result<Peer, Absent> {
    let (program, module) = (find("nginx")?, find("ngx_http_js_module.so")?);
    let folder = folder("nginx");
    let [address] = free_addresses();
    let secrets: Value = SIGNED.iter().map(|check| (check.name().to_owned(), json!(check.secrets()))).collect();
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).expect("a file can be written");
    write("hmac.js", include_str!("hmac.js").replace("__SECRETS__", &secrets.to_string()));
    write("users", password_file());
    write("nginx.conf", configuration(&module, &folder, address, upstream));
    let mut command = Command::new(program);
    command.arg("-p").arg(&folder).arg("-e").arg(folder.join("log")).arg("-c").arg(folder.join("nginx.conf"));
    let process = start(&mut command, &folder, address)?;
    let checks = [Check::Off, Check::Basic].into_iter().chain(SIGNED);
    Ok(Peer {
        id: "nginx",
        baseline: "nginx",
        title: "nginx, njs",
        about: "js_content with crypto.createHmac over r.requestBuffer, then internalRedirect; one process",
        endpoints: checks.map(|check| (check, address)).collect(),
        pids: vec![process.envoy.id()],
        processes: vec![Box::new(process)],
    })
}

/// Passwords as htpasswd -s writes them, which Envoy's filter reads too.
pub fn password_file() -> String {
    format!("{USER}:{{SHA}}{}\n", STANDARD.encode(Sha1::digest(PASSWORD)))
}

fn configuration(module: &Path, folder: &Path, address: SocketAddr, upstream: SocketAddr) -> String {
    let (module, folder) = (module.display(), folder.display());
    format!(
        "daemon off;
master_process off;
load_module {module};
pid {folder}/pid;
error_log {folder}/log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    js_path {folder};
    js_import hmac.js;
    client_max_body_size 8m;
    client_body_buffer_size 2m;
    keepalive_requests 1000000000;
    keepalive_time 10h;
    keepalive_timeout 10h;
    upstream receiver {{ server {upstream}; keepalive 64; keepalive_requests 1000000000; keepalive_time 10h; }}
    proxy_http_version 1.1;
    proxy_set_header Connection '';
    proxy_set_header Host $host;
    server {{
        listen {address};
        location /hooks/off {{ proxy_pass http://receiver; }}
        location /hooks/one {{ js_content hmac.one; }}
        location /hooks/two {{ js_content hmac.two; }}
        location /hooks/eight {{ js_content hmac.eight; }}
        location /hooks/basic {{ auth_basic webhooks; auth_basic_user_file users; proxy_pass http://receiver; }}
        location /version {{ js_content hmac.version; }}
        location @receiver {{ proxy_pass http://receiver; }}
    }}
}}
"
    )
}
