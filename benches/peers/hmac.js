// njs has no comparison in constant time.
import crypto from 'crypto';

const SECRETS = __SECRETS__;

function verify(r, secrets) {
    const given = r.headersIn['X-Hub-Signature-256'];
    const body = r.requestBuffer;
    for (let i = 0; i < secrets.length; i++) {
        const mac = crypto.createHmac('sha256', secrets[i]);
        if (body && body.length) {
            mac.update(body);
        }
        if ('sha256=' + mac.digest('hex') === given) {
            r.internalRedirect('@receiver');
            return;
        }
    }
    r.return(401, 'request denied\n');
}

function one(r) { verify(r, SECRETS.one); }
function two(r) { verify(r, SECRETS.two); }
function eight(r) { verify(r, SECRETS.eight); }
function version(r) { r.return(200, njs.version); }

export default { one, two, eight, version };
