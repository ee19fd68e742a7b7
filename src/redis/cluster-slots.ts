import keySlot from 'cluster-key-slot'
import { z } from 'zod'
import type { NodeAddress } from './redis-client.js'

export const SLOTS = 16_384

/** Slots `from` to `to`, both included, and the master that serves them. */
export interface SlotRange {
  readonly from: number
  readonly to: number
  readonly master: NodeAddress
  readonly replicas: readonly NodeAddress[]
}

const Slot = z
  .int()
  .min(0)
  .max(SLOTS - 1)
const Node = z.tuple([z.string().nullable(), z.int().min(0).max(65_535)], z.unknown())
const SlotsReply = z.array(z.tuple([Slot, Slot, Node], Node))

/**
 * Reads the reply of `CLUSTER SLOTS`.
 *
 * @param asked the node that answered. A node that does not know its own name leaves it out (null, empty, or `?` where it
 * should announce a hostname and has none): what is meant is the host by which it was reached
 * @returns undefined when it is no such reply
 */
export function readSlots(reply: unknown, asked: NodeAddress): readonly SlotRange[] | undefined {
  const read = SlotsReply.safeParse(reply)
  if (!read.success) return undefined
  const addressOf = ([host, port]: z.infer<typeof Node>): NodeAddress => ({ host: hostOf(host, asked), port })
  return read.data.map(([from, to, master, ...replicas]) => ({
    from,
    to,
    master: addressOf(master),
    replicas: replicas.map(addressOf),
  }))
}

const hostOf = (host: string | null, asked: NodeAddress): string =>
  host === null || host === '' || host === '?' ? asked.host : host

/** Where a slot is: for good (`MOVED`) or for this one command (`ASK`). */
export interface Redirect {
  readonly slot: number
  readonly to: NodeAddress
}

/** `MOVED 3999 127.0.0.1:6381`. The host may be missing, or an IPv6 address without brackets. */
const REDIRECT = /^(?:MOVED|ASK) (\d+) (.*):(\d+)$/

/** @param from the node that answered so; undefined where the reply is no redirect */
export function readRedirect(reply: string, from: NodeAddress): Redirect | undefined {
  const [, slot, host, port] = REDIRECT.exec(reply) ?? []
  if (slot === undefined || host === undefined) return undefined
  return { slot: Number(slot), to: { host: hostOf(host, from), port: Number(port) } }
}

export const nameOf = ({ host, port }: NodeAddress): string => `${host}:${port}`

const slotsByTag = new Map<string, number>()
/** As many as there are shard tags; keys of other forms than ours may have any number of others. */
const TAGS_MAX = 1024

/** The slot of a key. Ours share few hash tags, so most of the time this is a look-up. */
export function slotOf(key: string): number {
  const open = key.indexOf('{')
  const close = open < 0 ? -1 : key.indexOf('}', open + 1)
  if (close <= open + 1) return keySlot(key)
  const tag = key.slice(open + 1, close)
  const known = slotsByTag.get(tag)
  if (known !== undefined) return known
  const slot = keySlot(tag)
  if (slotsByTag.size < TAGS_MAX) slotsByTag.set(tag, slot)
  return slot
}

/** Undefined where the keys are in several slots. */
export function commonSlotOf(keys: readonly string[]): number | undefined {
  const slot = slotOf(keys[0] as string)
  for (let i = 1; i < keys.length; i++) if (slotOf(keys[i] as string) !== slot) return undefined
  return slot
}
