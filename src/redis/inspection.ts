import { z } from 'zod'
import { ProtocolError } from '../errors.js'

/** What stands at a key, as the server tells it. */
export interface InspectedKey {
  readonly key: string
  /** As `TYPE` says: `none`, `string`, `zset`, `hash`, … */
  readonly type: string
  /** Remaining life; undefined when the key is absent or never ends. */
  readonly ttlMs: number | undefined
  /** Of a string; empty for other types. */
  readonly bytes: Uint8Array
  /** Of a sorted set, lowest score first, at most 256; empty for other types. */
  readonly members: readonly { readonly member: Uint8Array; readonly score: number }[]
}

export interface Inspection {
  /** The server's clock, us since the Unix epoch. */
  readonly nowUs: number
  /** In the order of the keys asked for. */
  readonly keys: readonly InspectedKey[]
}

const Bytes = z.instanceof(Uint8Array)
const Text = Bytes.transform(bytes => Buffer.from(bytes).toString())
const InspectReply = z.tuple(
  [Text.transform(Number).pipe(z.number().int().positive())],
  z.tuple([Text, z.number().int(), z.union([Bytes, z.array(Bytes)])]),
)

/** @throws ProtocolError when it is no answer of `inspect` to these keys */
export function readInspection(reply: unknown, keys: readonly string[]): Inspection {
  const parsed = InspectReply.safeParse(reply)
  if (!parsed.success) {
    throw new ProtocolError(`the reply of Redis to 'inspect' is not one: ${z.prettifyError(parsed.error)}`)
  }
  const [nowUs, ...found] = parsed.data
  if (found.length !== keys.length) {
    throw new ProtocolError(
      `the reply of Redis to 'inspect' has ${found.length} keys; ${keys.length} were asked`,
    )
  }
  return {
    nowUs,
    keys: found.map(([type, pttlMs, content], i) => ({
      key: keys[i] as string,
      type,
      ttlMs: pttlMs < 0 ? undefined : pttlMs,
      bytes: content instanceof Uint8Array ? content : new Uint8Array(),
      members: content instanceof Uint8Array ? [] : readMembers(content),
    })),
  }
}

function readMembers(flat: readonly Uint8Array[]): InspectedKey['members'] {
  const members = []
  for (let i = 0; i + 1 < flat.length; i += 2) {
    members.push({ member: flat[i] as Uint8Array, score: Number(Buffer.from(flat[i + 1] as Uint8Array)) })
  }
  return members
}
