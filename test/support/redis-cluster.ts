import { setTimeout as sleep } from 'node:timers/promises'
import { type RedisServer, startRedis } from './redis-server.js'

const SLOTS = 16_384
/** Asked this often whether something has come about. */
const POLL_MS = 20
/** Nothing that a test waits for takes so long: it has failed. */
const PATIENCE_MS = 30_000
const MIGRATE_TIMEOUT_MS = 5_000
/** Nodes are told to meet once more after so many looks: some 3 s. */
const MEET_EVERY_POLLS = 100

export interface StartClusterOptions {
  /** Default: 3. */
  masters?: number
  /** Of each master. Default: 1. */
  replicas?: number
  /** After how long nodes take a silent one for failed. Default: 1 s. */
  nodeTimeoutMs?: number
  /** More arguments for every server, after ours. */
  args?: readonly string[]
  /** The servers' program. Default: as of `startRedis`. */
  binary?: string
}

export interface ClusterNode extends RedisServer {
  /** As the cluster names it. */
  readonly id: string
}

/** One slot on its way from its master to another, one step at a time. */
export interface SlotMove {
  readonly from: ClusterNode
  readonly to: ClusterNode
  /** Moves up to so many keys of the slot, and answers how many it moved. From now on those that moved answer ASK. */
  moveKeys(most: number): Promise<number>
  /** Moves what is left and gives the slot to its new master. From now on the old one answers MOVED. */
  finish(): Promise<void>
}

/** A real cluster of processes on the loopback interface. */
export interface RedisCluster {
  /** All that were started: the first masters first, then their replicas in the same order. */
  readonly nodes: readonly ClusterNode[]
  /** Where to begin: every node, as `{ host, port }`. */
  readonly seeds: readonly { readonly host: string; readonly port: number }[]
  /** The same, as the `store` of a limiter. */
  readonly store: { readonly cluster: readonly string[] }
  /** The nodes that are masters now, have slots, and run. */
  masters(): Promise<ClusterNode[]>
  masterOf(slot: number): Promise<ClusterNode>
  replicasOf(master: ClusterNode): Promise<ClusterNode[]>
  /** The slot starts to move: keys still there are served, those that are not answer ASK. */
  beginMove(slot: number, to: ClusterNode): Promise<SlotMove>
  /** Moves a slot with all its keys. */
  moveSlot(slot: number, to: ClusterNode): Promise<void>
  /** Makes a replica the master: by `CLUSTER FAILOVER`, which loses no write, or as if the master were gone. */
  failover(replica: ClusterNode, mode?: 'FORCE' | 'TAKEOVER'): Promise<void>
  /** Kills the process at once, as `kill -9` does. */
  kill(node: ClusterNode): Promise<void>
  /** Resolves when running nodes serve every slot and agree which, and replicas follow their masters. */
  untilHealthy(): Promise<void>
  /** Stops every node. May be called twice. */
  stop(): Promise<void>
}

/** Starts servers and joins them, slots spread evenly; resolves once all of them agree. */
export async function startRedisCluster(options: StartClusterOptions = {}): Promise<RedisCluster> {
  const { masters = 3, replicas = 1, nodeTimeoutMs = 1000, binary } = options
  const args = [
    ...['--cluster-node-timeout', String(nodeTimeoutMs), '--cluster-allow-replica-migration', 'no'],
    // A replica is there as fast as it can be, however old its data.
    ...['--repl-diskless-sync-delay', '0', '--cluster-replica-validity-factor', '0'],
    ...(options.args ?? []),
  ]
  const start = async (): Promise<ClusterNode> => {
    const server = await startRedis({ cluster: true, args, ...(binary !== undefined && { binary }) })
    return { ...server, id: await server.cli('CLUSTER', 'MYID') }
  }
  const started = await Promise.allSettled(Array.from({ length: masters * (1 + replicas) }, start))
  const nodes = started.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
  const cluster = new ProcessCluster(nodes)
  try {
    for (const result of started) if (result.status === 'rejected') throw result.reason
    await cluster.join(masters)
    return cluster
  } catch (error) {
    await cluster.stop()
    throw error
  }
}

class ProcessCluster implements RedisCluster {
  readonly nodes: readonly ClusterNode[]
  readonly #killed = new Set<ClusterNode>()

  constructor(nodes: readonly ClusterNode[]) {
    this.nodes = nodes
  }

  get seeds(): RedisCluster['seeds'] {
    return this.nodes.map(({ port }) => ({ host: '127.0.0.1', port }))
  }

  get store(): RedisCluster['store'] {
    return { cluster: this.seeds.map(({ host, port }) => `${host}:${port}`) }
  }

  get #running(): ClusterNode[] {
    return this.nodes.filter(node => !this.#killed.has(node))
  }

  async join(masters: number): Promise<void> {
    // Epochs of their own from the start: otherwise the nodes would have to settle them one by one. A node takes one only
    // while it knows no other.
    await Promise.all(
      this.nodes.map((node, i) => command(node, 'CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1))),
    )
    await Promise.all(
      this.nodes.map(async (node, i) => {
        if (i < masters) {
          const from = Math.round((i * SLOTS) / masters)
          const to = Math.round(((i + 1) * SLOTS) / masters) - 1
          await command(node, 'CLUSTER', 'ADDSLOTSRANGE', String(from), String(to))
        }
      }),
    )
    await this.#introduce()
    for (const [i, node] of this.nodes.entries()) {
      if (i >= masters)
        await command(node, 'CLUSTER', 'REPLICATE', (this.nodes[i % masters] as ClusterNode).id)
    }
    await this.untilHealthy()
  }

  /** Resolves when every node knows all others. */
  async #introduce(): Promise<void> {
    const [first, ...others] = this.nodes as readonly [ClusterNode, ...ClusterNode[]]
    const [, busPort] = (await first.cli('CONFIG', 'GET', 'cluster-port')).split('\n')
    const meet = () =>
      Promise.all(
        others.map(node =>
          command(node, 'CLUSTER', 'MEET', '127.0.0.1', String(first.port), busPort as string),
        ),
      )
    let polls = 0
    await until('the nodes know each other', async () => {
      // A node that hears nothing for the node timeout, such as on a machine that stands still, forgets whom it wanted to meet.
      if (polls++ % MEET_EVERY_POLLS === 0) await meet()
      const known = await Promise.all(this.nodes.map(nodeLines))
      return known.every(
        lines => lines.filter(({ flags }) => !flags.includes('handshake')).length === this.nodes.length,
      )
    })
  }

  async masters(): Promise<ClusterNode[]> {
    const lines = await this.#lines()
    return this.#running.filter(({ id }) => lines.some(line => line.id === id && isServing(line)))
  }

  async masterOf(slot: number): Promise<ClusterNode> {
    const owner = (await this.#lines()).find(line => isServing(line) && hasSlot(line, slot))
    return this.#byId(owner?.id, `the master of slot ${slot}`)
  }

  async replicasOf(master: ClusterNode): Promise<ClusterNode[]> {
    const lines = await this.#lines()
    return this.#running.filter(({ id }) => lines.some(line => line.id === id && line.masterId === master.id))
  }

  async beginMove(slot: number, to: ClusterNode): Promise<SlotMove> {
    const from = await this.masterOf(slot)
    await command(to, 'CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', from.id)
    await command(from, 'CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', to.id)
    const moveKeys = async (most: number) => {
      const found = await from.cli('CLUSTER', 'GETKEYSINSLOT', String(slot), String(most))
      const keys = found.split('\n').filter(key => key !== '')
      const destination = ['127.0.0.1', String(to.port), '', '0', String(MIGRATE_TIMEOUT_MS)]
      if (keys.length > 0) await command(from, 'MIGRATE', ...destination, 'KEYS', ...keys)
      return keys.length
    }
    const finish = async () => {
      while ((await moveKeys(100)) > 0);
      // First where it goes: between the two nobody else owns it. The others hear of it, sooner by being told.
      for (const node of [to, from, ...(await this.masters()).filter(node => node !== to && node !== from)]) {
        await command(node, 'CLUSTER', 'SETSLOT', String(slot), 'NODE', to.id)
      }
    }
    return { from, to, moveKeys, finish }
  }

  async moveSlot(slot: number, to: ClusterNode): Promise<void> {
    const move = await this.beginMove(slot, to)
    await move.finish()
  }

  async failover(replica: ClusterNode, mode?: 'FORCE' | 'TAKEOVER'): Promise<void> {
    await command(replica, 'CLUSTER', 'FAILOVER', ...(mode === undefined ? [] : [mode]))
    await until('the replica is the master', async () => (await this.masters()).includes(replica))
  }

  async kill(node: ClusterNode): Promise<void> {
    this.#killed.add(node)
    await node.stop()
  }

  async untilHealthy(): Promise<void> {
    for (const node of this.#running) {
      await until(`node ${node.port} serves every slot`, async () => {
        const info = await node.cli('CLUSTER', 'INFO')
        const role = await node.cli('INFO', 'replication')
        const isHealthy = /cluster_state:ok/.test(info) && info.includes(`cluster_slots_ok:${SLOTS}`)
        return isHealthy && !/master_link_status:down|master_sync_in_progress:1/.test(role)
      })
    }
    await until('all nodes agree on who serves which slots', async () => {
      const views = await Promise.all(
        this.#running.map(async node => (await nodeLines(node)).filter(isServing)),
      )
      const isGone = (id: string) => !this.#running.some(node => node.id === id)
      // Where a master was killed, the others may not have noticed yet.
      if (views.some(owners => owners.some(({ id }) => isGone(id)))) return false
      return (
        new Set(views.map(owners => JSON.stringify(owners.map(({ id, slots }) => [id, slots]).sort())))
          .size === 1
      )
    })
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map(node => node.stop()))
  }

  /** What a running node that is in touch with the others knows of all nodes: the newest of what they tell. */
  async #lines(): Promise<NodeLine[]> {
    const views = await Promise.all(this.#running.map(nodeLines))
    // A node knows best of itself.
    return views.flatMap(lines => lines.filter(line => line.flags.includes('myself')))
  }

  #byId(id: string | undefined, what: string): ClusterNode {
    const node = this.nodes.find(candidate => candidate.id === id)
    if (node === undefined) throw new Error(`no running node is ${what}`)
    return node
  }
}

/** One node as another one knows it. */
interface NodeLine {
  readonly id: string
  readonly flags: readonly string[]
  /** `-` of a master. */
  readonly masterId: string
  /** `0-5460`, `7000`; without those on their way. */
  readonly slots: readonly string[]
}

async function nodeLines(node: ClusterNode): Promise<NodeLine[]> {
  const text = await node.cli('CLUSTER', 'NODES')
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => {
      const [id = '', , flags = '', masterId = '', , , , , ...slots] = line.split(' ')
      return { id, flags: flags.split(','), masterId, slots: slots.filter(slot => !slot.startsWith('[')) }
    })
}

const isServing = ({ flags, slots }: NodeLine): boolean =>
  flags.includes('master') && !flags.includes('fail') && slots.length > 0

const hasSlot = ({ slots }: NodeLine, slot: number): boolean =>
  slots.some(range => {
    const [from, to = from] = range.split('-').map(Number) as [number, number?]
    return slot >= from && slot <= to
  })

/** Runs what answers OK, and tells what it answered where it did not. */
async function command(node: ClusterNode, ...args: readonly string[]): Promise<void> {
  const reply = await node.cli(...args)
  if (reply !== 'OK' && reply !== 'NOKEY') throw new Error(`${args.join(' ')}: ${reply}`)
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += POLL_MS) {
    if (await isSo().catch(() => false)) return
    await sleep(POLL_MS)
  }
  throw new Error(`waited ${PATIENCE_MS / 1000} s in vain until ${what}`)
}
