// The npm package oidc-provider, set up from its documentation as an OpenID provider for the tests:
// implicit, code with PKCE, device, refresh with rotation, `audience` as at Auth0, `resource` (RFC 8707), registration of
// clients (RFC 7591), JWT access tokens for one API, its own pages for people.
// Prints {"issuer": ...} once it listens, and ends when its standard input does.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';

import Provider, { errors } from 'oidc-provider';

const { values: options } = parseArgs({
  options: {
    host: { type: 'string', default: 'localhost' },
    path: { type: 'string', default: '' },
    port: { type: 'string', default: '0' },
    lifetime: { type: 'string', default: '60' },
    'redirect-uri': { type: 'string', multiple: true, default: [] },
  },
});

// A resource must be an absolute URI (RFC 8707), an audience need not be.
const RESOURCES = new Map([['api/fruit', 'urn:api:fruit']]);
const AUDIENCES = new Map([...RESOURCES].map(([audience, resource]) => [resource, audience]));
// The API's own address, which a client may know it by, at whatever port the API was started.
const ADDRESS = /^http:\/\/(?:127\.0\.0\.1|localhost):\d+\/(api\/fruit)$/;
const SCOPE = 'read:usual-fruit read:exotic-fruit write:usual-fruit write:exotic-fruit';

const PEOPLE = new Map([
  ['alice', { name: 'Alice Appleseed', nickname: 'alice', email: 'alice@example.test', email_verified: true }],
  ['bob', { name: 'Bob Berry', nickname: 'bob', email: 'bob@example.test', email_verified: true }],
]);

function signingKey(kind, parameters, use) {
  return { ...generateKeyPairSync(kind, parameters).privateKey.export({ format: 'jwk' }), use: 'sig', ...use };
}

const configuration = {
  clients: [
    {
      client_id: 'ipyauth-demo',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: [
        'authorization_code',
        'implicit',
        'refresh_token',
        'urn:ietf:params:oauth:grant-type:device_code',
      ],
      response_types: ['code', 'id_token token'],
      redirect_uris: options['redirect-uri'],
    },
  ],
  responseTypes: ['code', 'id_token token'],
  jwks: {
    keys: [
      signingKey('rsa', { modulusLength: 2048 }, { alg: 'RS256' }),
      signingKey('ec', { namedCurve: 'P-256' }, { alg: 'ES256' }),
    ],
  },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  claims: { openid: ['sub'], profile: ['name', 'nickname'], email: ['email', 'email_verified'] },
  async findAccount(_ctx, id) {
    const person = PEOPLE.get(id);
    return person && { accountId: id, claims: async () => ({ sub: id, ...person }) };
  },
  extraParams: {
    async audience(_ctx, value) {
      if (value !== undefined && !RESOURCES.has(value)) {
        throw new errors.InvalidTarget(`no API has the audience ${value}`);
      }
    },
  },
  features: {
    deviceFlow: { enabled: true },
    registration: { enabled: true },
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      async defaultResource(ctx, _client, oneOf) {
        return RESOURCES.get(ctx.oidc.params?.audience) ?? oneOf;
      },
      async getResourceServerInfo(_ctx, resource) {
        const audience = AUDIENCES.get(resource) ?? ADDRESS.exec(resource)?.[1];
        if (!audience) throw new errors.InvalidTarget();
        return {
          scope: SCOPE,
          audience,
          accessTokenTTL: Number(options.lifetime),
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        };
      },
      useGrantedResource: async () => true,
    },
    revocation: { enabled: true },
    rpInitiatedLogout: { enabled: true },
  },
  ttl: {
    AuthorizationCode: 60,
    Grant: 3600,
    IdToken: 3600,
    Interaction: 600,
    Session: 3600,
  },
};

const server = createServer();
server.listen(Number(options.port), '127.0.0.1', () => {
  const issuer = `http://${options.host}:${server.address().port}${options.path}`;
  const handle = new Provider(issuer, configuration).callback();
  server.on('request', (request, response) => {
    if (!request.url.startsWith(`${options.path}/`)) {
      response.writeHead(404).end();
      return;
    }
    request.originalUrl = request.url; // from it the provider knows where it is mounted
    request.url = request.url.slice(options.path.length);
    handle(request, response);
  });
  console.log(JSON.stringify({ issuer }));
});

process.stdin.on('end', () => process.exit(0)).resume();
