// An issuer of accounts, as others have written it: issuer.mjs PORT BACK. Whoever says a name has that account.
// Each time it has other keys.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [port, back] = process.argv.slice(2);
const require = createRequire(process.env.VINE_TEST_ISSUER + '/');
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')).href);
const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
const issuer = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: 'agentvine', client_secret: 'of-the-client', redirect_uris: [back], response_types: ['code'], grant_types: ['authorization_code'] }],
  jwks: { keys: [{ ...key, use: 'sig', alg: 'RS256', kid: randomUUID() }] },
  pkce: { required: () => true },
  claims: { openid: ['sub'], email: ['email', 'email_verified'] },
  conformIdTokenClaims: false,
  cookies: { keys: ['a key of this test'] },
  features: { devInteractions: { enabled: true } },
  findAccount: (context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.org`, email_verified: id !== 'mallory' }),
  }),
});
issuer.listen(Number(port), '127.0.0.1', () => console.log('ready'));
