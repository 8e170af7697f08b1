// A real identity provider on a free port of this machine, for tests. Its log is one JSON object per
// answer on standard output. It keeps its port and its keys in the file of its argument, if there is
// one, and uses them again when it is restarted. A line on standard input is a command:
//   rotate N    sign with a new key of number N, and keep the old keys in the JWKS
//   skew N      set the clock N seconds ahead of the machine's
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import Provider from 'oidc-provider';

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const machine = Date.now;
let skew = 0;
Date.now = () => machine() + skew * 1000;

const state = process.argv[2];
const { port, keys } =
  state && existsSync(state) ? JSON.parse(readFileSync(state, 'utf8')) : { port: 0, keys: [] };
function addKey(number) {
  const [kind, options, alg] =
    number % 2 ? ['rsa', { modulusLength: 2048 }, 'RS256'] : ['ec', { namedCurve: 'P-256' }, 'ES256'];
  const jwk = generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' });
  keys.unshift({ ...jwk, kid: `key-${number}`, alg, use: 'sig' });
}

const server = createServer();
let handler;
server.on('request', (request, response) => handler(request, response));
await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

function provide() {
  const provider = new Provider(issuer, {
    jwks: { keys },
    clients: [
      {
        client_id: 'orders-service',
        client_secret: 'a secret of a test',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    scopes: ['customers:view'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, audience) => ({
          scope: 'customers:view',
          audience,
          accessTokenTTL: 300,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: keys[0].alg } },
        }),
      },
    },
    extraTokenClaims: () => ({ tenant_id: 'shop-1' }),
  });
  provider.on('server_error', (_, error) => console.error(error));
  handler = provider.callback();
}

const orders = {
  rotate: (number) => {
    addKey(number);
    if (state) writeFileSync(state, JSON.stringify({ port: server.address().port, keys }));
    provide();
  },
  skew: (seconds) => {
    skew = seconds;
  },
};

if (keys.length) provide();
else orders.rotate(1);
say({ issuer });
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const [order, number] = line.split(' ');
    orders[order](Number(number));
    say({ done: line });
  })
  .on('close', () => process.exit());
