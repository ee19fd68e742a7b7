/**
 * `npm run bench:scripts`: what a check costs the server, in us of its own CPU per check.
 *
 * Every figure is the best of interleaved rounds on one server, the one least disturbed; ratios compare figures of one run only. Commands are
 * made beforehand and sent over a Unix socket, up to 32 unanswered, so that the client's work does not blur the figure.
 */
import { startRedis } from '../support/redis-server.ts'
import { pinApart } from './support/pin-apart.ts'
import { RawRedis, serverCpuUs } from './support/raw-redis.ts'
import { type Cell, cells, KEYS } from './support/script-cells.ts'
import { printTargets } from './support/script-targets.ts'

const ROUNDS = Number(process.env.SLUICE_BENCH_ROUNDS ?? 7)
/** Only the workloads whose name this pattern finds, and no ratios. */
const ONLY = process.env.SLUICE_BENCH_ONLY

const server = await startRedis()
const redis = new RawRedis(server.socketPath)
pinApart(server.pid)
try {
  const figures = new Map<string, number[]>()
  const all = (await cells(redis)).filter(cell => !ONLY || new RegExp(ONLY).test(cell.name))
  for (const cell of all) await prepare(cell)
  for (let round = 0; round < ROUNDS; round++) {
    for (const cell of all) {
      const commands = cell.commands(round)
      await cell.before?.(redis)
      const startUs = await serverCpuUs(redis)
      const replies = await redis.run(commands)
      const spentUs = (await serverCpuUs(redis)) - startUs
      cell.verify(replies)
      const list = figures.get(cell.name) ?? []
      list.push(spentUs / cell.checksPerRound)
      figures.set(cell.name, list)
    }
  }
  const best = new Map([...figures].map(([name, list]) => [name, Math.min(...list)]))
  const version = (await redis.call('INFO', 'server')).toString().match(/(redis|valkey)_version:(\S+)/)
  console.log(`${version?.[0]}, ${KEYS} keys, ${ROUNDS} rounds, best us of server CPU per check\n`)
  if (!ONLY) printTargets(best)
  console.log('\n| workload | us per check |\n|---|---|')
  for (const [name, us] of best) console.log(`| ${name} | ${us.toFixed(2)} |`)
} finally {
  redis.close()
  await server.stop()
}

/** Lets a cell's keys come to life, and the server meet its script. */
async function prepare(cell: Cell): Promise<void> {
  await cell.before?.(redis)
  for (let round = -cell.warmRounds; round < 0; round++) cell.verify(await redis.run(cell.commands(round)))
}
