#!/usr/bin/env python3
"""The demonstration of `make run`: hookwarden in a real Envoy, four webhooks, and what each side saw.

Starts receiver.py as the upstream and Envoy with envoy.yaml (with free ports and the module's path), sends the
webhooks and checks every outcome. With ONCE=1 it then exits, with status 0 or 1; otherwise it prints curl commands
to try, and keeps running and showing requests until Ctrl-C.

Environment: HOOKWARDEN_ENVOY and HOOKWARDEN_WASM (the Makefile sets both), ONCE, NO_COLOR.
"""

import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
WASM_IN_BOOTSTRAP = "target/wasm32-wasip1/release/hookwarden.wasm"
# What each port in the bootstrap is for. The last one is the receiver's own and in no bootstrap.
PORTS = {"webhooks": 10000, "receiver": 10001, "Envoy's admin": 9901, "receiver's admin": 10002}
START_SECONDS = 60
COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ


class Failed(Exception):
    """Ends the run; the message says what to do next."""


def paint(code, text):
    return "\033[%sm%s\033[0m" % (code, text) if COLOUR else text


def say(text=""):
    print(text, flush=True)


def main():
    children = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return run(children)
    except Failed as problem:
        say(paint("31", "make run failed: ") + str(problem))
        return 1
    except KeyboardInterrupt:
        say()
        return 130
    finally:
        for child in reversed(children):
            child.stop()


def run(children):
    once = os.environ.get("ONCE", "") not in ("", "0")
    secrets = read_secrets(os.path.join(HERE, "demo.env"))
    ports = choose_ports()
    with tempfile.TemporaryDirectory(prefix="hookwarden-") as folder:
        start(children, folder, ports, secrets)
        receiver, envoy = children
        good = demonstrate(ports, secrets, envoy)
        if not once:
            stay_up(ports, secrets, receiver, envoy)
        return 0 if good else 1


# --- setting up ---------------------------------------------------------------------------------


def read_secrets(path):
    with open(path) as lines:
        pairs = (line.strip().partition("=") for line in lines if "=" in line and not line.startswith("#"))
        return {name: value for name, _, value in pairs}


def choose_ports():
    ports = {}
    for purpose, wanted in PORTS.items():
        ports[purpose] = wanted if is_free(wanted) else free_port(taken=ports.values())
        if ports[purpose] != wanted:
            say("Port %d (%s) is in use by another program; using %d." % (wanted, purpose, ports[purpose]))
    return ports


def is_free(port):
    with socket.socket() as probe:
        # As servers do: a port with only closed connections counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port(taken):
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in taken:
            return port


def bootstrap(ports, wasm):
    """The shipped bootstrap with other ports and the module's path, and no other changes."""
    with open(os.path.join(HERE, "envoy.yaml")) as file:
        text = file.read()
    for purpose in ("webhooks", "receiver", "Envoy's admin"):
        text = replace_once(text, "port_value: %d " % PORTS[purpose], "port_value: %d " % ports[purpose])
    return replace_once(text, "filename: " + WASM_IN_BOOTSTRAP, "filename: " + json.dumps(wasm))


def replace_once(text, old, new):
    if text.count(old) != 1:
        raise Failed("envoy/envoy.yaml should contain %r once, but contains it %d times" % (old, text.count(old)))
    return text.replace(old, new)


def start(children, folder, ports, secrets):
    envoy = os.environ.get("HOOKWARDEN_ENVOY") or os.path.join(TOP, ".venv", "bin", "envoy")
    wasm = os.environ.get("HOOKWARDEN_WASM") or os.path.join(TOP, WASM_IN_BOOTSTRAP)
    for path, what, how in ((envoy, "Envoy", "make setup"), (wasm, "the module", "make wasm")):
        if not os.path.isfile(path):
            raise Failed("%s is not at %s; run `%s`, or `make run`, which does everything" % (what, path, how))
    config = os.path.join(folder, "envoy.yaml")
    with open(config, "w") as file:
        file.write(bootstrap(ports, os.path.abspath(wasm)))

    say("Starting the receiver on 127.0.0.1:%d ..." % ports["receiver"])
    listen = ["--listen", "127.0.0.1:%d" % ports["receiver"]]
    admin = ["--admin", "127.0.0.1:%d" % ports["receiver's admin"]]
    children.append(
        Child("the receiver", [sys.executable, "-u", os.path.join(HERE, "receiver.py"), *listen, *admin], {})
    )
    wait_until_ready(children[0], ports["receiver's admin"], "/ready")

    say("Starting Envoy on 127.0.0.1:%d ..." % ports["webhooks"])
    command = [envoy, "-c", config, "--log-level", "warning", "--disable-hot-restart"]
    children.append(Child("Envoy", command + ["--file-flush-interval-msec", "100"], secrets))
    wait_until_ready(children[1], ports["Envoy's admin"], "/ready")


class Child:
    """A program in the background. Its output is kept, and passed to `show` once that is set."""

    def __init__(self, name, command, variables):
        self.name = name
        self.lines = []
        self.show = None
        # A separate session: Ctrl-C reaches only this program, which then stops its children in order.
        self.process = subprocess.Popen(
            command,
            env=dict(os.environ, **variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            universal_newlines=True,
            errors="replace",
            start_new_session=True,
        )
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if self.show:
                self.show(line.rstrip("\n"))

    def fail_if_ended(self):
        if self.process.poll() is None:
            return
        self.reader.join(2)
        last = "\n".join("    " + line for line in self.lines[-12:])
        raise Failed("%s ended with status %d. Its last output:\n%s" % (self.name, self.process.returncode, last))

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def wait_until_ready(child, port, path):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        child.fail_if_ended()
        try:
            if fetch(port, "GET", path).status == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    last = "\n".join("    " + line for line in child.lines[-12:])
    raise Failed("%s was not ready within %d seconds. Its last output:\n%s" % (child.name, START_SECONDS, last))


def fetch(port, method, path, headers=(), body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body=body, headers=dict(headers))
        response = connection.getresponse()
        response.text = response.read().decode("utf-8", "replace").strip()
        return response
    except http.client.HTTPException as error:
        raise OSError("no valid response on port %d: %r" % (port, error))
    finally:
        connection.close()


# --- the four webhooks --------------------------------------------------------------------------


class Case:
    def __init__(self, title, path, headers, body, status, code=None, source=None):
        self.title = title
        self.path = path
        self.headers = dict(headers, **{"Content-Type": "application/json"})
        self.body = body
        self.status = status
        self.code = code
        self.source = source


def sign(secret, text):
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def cases(secrets):
    push = '{"zen":"Keep it logically awesome."}'
    paid = '{"type":"invoice.paid"}'
    mail = '[{"event":"delivered"}]'
    an_hour_ago = int(time.time()) - 3600
    stale = sign(secrets["STRIPE_WEBHOOK_SECRET"], "%d.%s" % (an_hour_ago, paid))
    login = base64.b64encode(secrets["ANYMAIL_WEBHOOK_SECRET"].encode()).decode()
    github = {"X-GitHub-Event": "ping"}
    return [
        Case(
            "GitHub, correctly signed",
            "/hooks/github",
            dict(github, **{"X-Hub-Signature-256": "sha256=" + sign(secrets["GITHUB_WEBHOOK_SECRET"], push)}),
            push,
            200,
            source="github",
        ),
        Case(
            "GitHub, forged: signed by somebody who does not know the secret",
            "/hooks/github",
            dict(github, **{"X-Hub-Signature-256": "sha256=" + sign("a guess", push)}),
            push,
            401,
            code="signature_mismatch",
        ),
        Case(
            "Stripe, replayed: correctly signed, one hour ago",
            "/hooks/stripe",
            {"Stripe-Signature": "t=%d,v1=%s" % (an_hour_ago, stale)},
            paid,
            401,
            code="timestamp_stale",
        ),
        Case(
            "Anymail, basic auth: the right password, which goes no further",
            "/anymail/mailgun/tracking",
            {"Authorization": "Basic " + login},
            mail,
            200,
            source="anymail",
        ),
    ]


def demonstrate(ports, secrets, envoy):
    problems = []
    for number, case in enumerate(cases(secrets), 1):
        say("\n" + paint("1", "%d. %s" % (number, case.title)))
        problems += ["webhook %d: %s" % (number, problem) for problem in play(case, ports, envoy)]
    say()
    if not problems:
        say(paint("32", "All four outcomes are as expected."))
    for problem in problems:
        say(paint("31", problem))
    return not problems


def play(case, ports, envoy):
    admin = ports["receiver's admin"]
    fetch(admin, "DELETE", "/received")
    logged_before = len(envoy.lines)
    try:
        answer = fetch(ports["webhooks"], "POST", case.path, case.headers, case.body)
    except OSError as error:
        envoy.fail_if_ended()
        raise Failed("Envoy did not answer (%s). Its last output:\n%s" % (error, "\n".join(envoy.lines[-12:])))
    denial = wait_for_denial(envoy, logged_before) if case.code else None
    # A request that passed by mistake would arrive now; one that should pass is already there.
    time.sleep(0.2)
    received = json.loads(fetch(admin, "GET", "/received").text)

    row("the sender saw", ["%d %s: %s" % (answer.status, answer.reason, answer.text)])
    row("the upstream saw", list(received_lines(case, received)) or ["nothing"])
    row("Envoy logged", [denial] if denial else [])
    return list(judge(case, answer, received, denial))


def row(label, lines):
    for line in lines:
        say("   %-18s %s" % (label, line))
        label = ""


def received_lines(case, received):
    for request in received["requests"]:
        headers = {name.lower(): value for name, value in request["headers"]}
        yield "%s %s, %d bytes" % (request["method"], request["target"], request["body_bytes"])
        for name, value in headers.items():
            if name.startswith("x-hookwarden-"):
                yield paint("32", "  %s: %s" % (name, value))
        if "Authorization" in case.headers:
            yield "  authorization: " + ("still there" if "authorization" in headers else "removed")
        yield "  " + base64.b64decode(request["body_base64"]).decode("utf-8", "replace")


def wait_for_denial(envoy, start):
    end = time.monotonic() + 3
    while time.monotonic() < end:
        for line in envoy.lines[start:]:
            found = re.search(r'\{"event":"denied".*\}', line)
            if found:
                return found.group()
        time.sleep(0.05)
    return None


def judge(case, answer, received, denial):
    """Yields every expectation that is not met."""
    requests = received["requests"]
    if answer.status != case.status:
        yield "the sender should have seen %d" % case.status
    if case.code is None:
        if len(requests) != 1:
            yield "the upstream should have seen one request"
            return
        headers = dict(requests[0]["headers"])
        if base64.b64decode(requests[0]["body_base64"]) != case.body.encode():
            yield "the upstream should have seen the body as it was sent"
        if headers.get("x-hookwarden-source") != case.source:
            yield "the upstream should have got the source %s" % case.source
        if "authorization" in headers:
            yield "the upstream should not have seen the password"
        return
    if requests:
        yield "the upstream should have seen nothing"
    if answer.text != "request denied":
        yield "the sender should have got nothing but 'request denied'"
    if denial is None:
        yield "Envoy should have logged the denial"
    elif json.loads(denial).get("code") != case.code:
        yield "the denial should have had the code %s" % case.code


# --- staying up ---------------------------------------------------------------------------------


def stay_up(ports, secrets, receiver, envoy):
    print_curl_lines(ports, secrets)
    receiver.show = say
    envoy.show = lambda line: say(paint("33" if "wasm log" in line else "2", line))
    try:
        while True:
            receiver.fail_if_ended()
            envoy.fail_if_ended()
            time.sleep(0.5)
    except KeyboardInterrupt:
        envoy.show = None
        say("\nStopped.")


def print_curl_lines(ports, secrets):
    base = "http://127.0.0.1:%d" % ports["webhooks"]
    push = '{"zen":"Design for failure."}'
    secret = secrets["GITHUB_WEBHOOK_SECRET"]
    openssl = "openssl dgst -sha256 -hmac '%s' | sed 's/^.* //'"
    say()
    say("Envoy runs until Ctrl-C. In another terminal:")
    blocks = (
        (
            "passes",
            "curl -i %s/hooks/github -H 'X-Hub-Signature-256: sha256=%s' -d %s"
            % (base, sign(secret, push), shlex.quote(push)),
        ),
        (
            "one byte of the body changed: denied",
            "curl -i %s/hooks/github -H 'X-Hub-Signature-256: sha256=%s' -d %s"
            % (base, sign(secret, push), shlex.quote(push.replace("failure", "Failure"))),
        ),
        (
            "your own body, signed like GitHub",
            "body='hello'; curl -i %s/hooks/github -d \"$body\" \\\n"
            "    -H \"X-Hub-Signature-256: sha256=$(printf %%s \"$body\" | %s)\"" % (base, openssl % secret),
        ),
        (
            "signed like Stripe, now",
            "body='{}'; t=$(date +%%s); curl -i %s/hooks/stripe -d \"$body\" \\\n"
            "    -H \"Stripe-Signature: t=$t,v1=$(printf %%s \"$t.$body\" | %s)\""
            % (base, openssl % secrets["STRIPE_WEBHOOK_SECRET"]),
        ),
        ("basic auth", "curl -i %s/anymail/tracking -u %s -d '[]'" % (base, secrets["ANYMAIL_WEBHOOK_SECRET"])),
        ("an ambiguous path: denied", "curl -i --path-as-is %s/hooks/../hooks/github -d '{}'" % base),
        (
            "the metrics",
            "curl -s http://127.0.0.1:%d/stats/prometheus | grep ^hookwarden" % ports["Envoy's admin"],
        ),
    )
    for title, command in blocks:
        say("\n  " + paint("2", "# " + title))
        say("  " + command.replace("\n", "\n  "))
    say("\nRequests at the upstream and the log of Envoy:\n")


if __name__ == "__main__":
    sys.exit(main())
