/** By the `code` of an error of Node.js: the network, names and TLS. */
const BY_CODE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: check host and port',
  ENOTFOUND: 'this name has no address: check the host',
  EAI_AGAIN: 'this name could not be looked up: check the host, and the DNS of this machine',
  ENOENT: 'there is no such socket: check the path',
  EACCES: 'this process may not use the socket: check its permissions',
  ERR_SSL_WRONG_VERSION_NUMBER:
    'the port speaks no TLS: write redis:// instead of rediss://, or leave out tls',
  ERR_SSL_PACKET_LENGTH_TOO_LONG:
    'the port speaks no TLS: write redis:// instead of rediss://, or leave out tls',
  SELF_SIGNED_CERT_IN_CHAIN: 'the authority of its certificate is not known here: give it as tls.ca',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself: give it as tls.ca',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the authority of its certificate is not known here: give it as tls.ca',
  UNABLE_TO_GET_ISSUER_CERT: 'the authority of its certificate is not known here: give it as tls.ca',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the authority of its certificate is not known here: give it as tls.ca',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name: give that as tls.servername',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it asks for a certificate of ours: give tls.cert and tls.key',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: 'it asks for a certificate of ours: give tls.cert and tls.key',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'it does not know the authority of tls.cert',
  ERR_SSL_KEY_VALUES_MISMATCH: 'tls.key is not the key of tls.cert',
}

/** By the words of the server: errors that have no code of their own. */
const BY_TEXT: readonly (readonly [RegExp, string])[] = [
  [/sentinel .*(NOAUTH|WRONGPASS)/, 'check sentinel.username and sentinel.password'],
  [/^WRONGPASS/, 'check user and password'],
  [/^NOAUTH/, 'it asks for a password: write redis://user:password@…'],
  [/^NOPERM/, 'the user may not do this: docs/stores.md has what it needs'],
  [/DB index is out of range/, 'it has no such database: write a smaller number, or raise its `databases`'],
  [/SELECT is not allowed in cluster mode/, 'it is a node of a cluster: write redis+cluster://'],
  [
    /PEM|asn1|bad base64|no start line/i,
    'a certificate or key cannot be read: check tls.ca, tls.cert and tls.key',
  ],
  [
    /^Unknown RESP type|^Protocol error, got/,
    'it does not speak as Redis does: check host and port; if it speaks TLS, write rediss:// instead of redis://',
  ],
  [/cluster support disabled/, 'it is no node of a cluster: write redis://'],
  [/^ERR max number of clients reached/, 'raise its `maxclients`'],
  [
    /^Socket timeout|^nothing came from it/,
    'it takes connections and says nothing: does it stand still, or is the way to it cut?',
  ],
  [/^DENIED/, 'it takes no connections from other machines without a password (protected-mode)'],
]

/**
 * Why a connection failed, in words, with the way out where it is known.
 *
 * @param tls whether the connection was to be encrypted
 */
export function describeFailure(error: Error, tls: boolean): string {
  const hint = hintOf(error, tls)
  return hint === undefined ? textOf(error) : `${textOf(error)} (${hint})`
}

const SILENT = 'nothing answers: check the host, and the firewalls on the way'
/** A server that speaks no TLS waits for the end of what it takes for a command. */
const SILENT_TO_TLS =
  'nothing answers in TLS: if the port speaks none, write redis:// instead of rediss://, or leave out tls'

function hintOf(error: Error, tls: boolean): string | undefined {
  const code = codeOf(error)
  if (code === 'ETIMEDOUT' || error.message === 'Connection timeout') return tls ? SILENT_TO_TLS : SILENT
  const byCode = code === undefined ? undefined : BY_CODE[code]
  if (byCode !== undefined) return byCode
  const byText = BY_TEXT.find(([text]) => text.test(error.message))?.[1]
  if (byText !== undefined) return byText
  // What a port of TLS does when it is spoken to without, or misses a certificate: its own words for that may get lost.
  const cutOff = code === 'ECONNRESET' || code === 'EPIPE' || /closed|protocol error/i.test(error.message)
  if (!cutOff) return undefined
  return tls
    ? 'if it asks for a certificate of ours, give tls.cert and tls.key'
    : 'if the port speaks TLS, write rediss:// instead of redis://; if it is Redis without a word, raise its `maxclients`'
}

/** Several addresses of one name are tried, and fail, together: the first failure says enough. */
function codeOf(error: Error): string | undefined {
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return codeOf(error.errors[0])
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

function textOf(error: Error): string {
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return textOf(error.errors[0])
  return error.message.replace(/ Please report this\.$/, '')
}
