import { type Command, Option } from 'commander'
import { surveyStore } from '../../compat/live.js'
import { connectNodes } from '../../redis/store-nodes.js'
import { targetOf } from '../../redis/targets/target-of.js'
import { renderLive } from '../live-report.js'
import type { Output } from '../output.js'
import { positiveInteger } from '../policy-options.js'
import { addStoreOptions, requiredStore, type StoreOptions } from '../store-options.js'

const SAMPLE = 10_000

interface CompatLiveOptions extends Omit<StoreOptions, 'shards'> {
  readonly redis?: string
  readonly sample: number
  readonly json: boolean
}

const EXAMPLES = `
Examples:
  $ sluice compat live --redis redis://localhost:6379
  $ sluice compat live --store redis+cluster://node-1:7000 --sample 100000 --json

Never writes, and never uses KEYS: a bounded sample by SCAN, from which the rest is estimated.
`

export function addCompatLiveCommand(compat: Command, output: Output): void {
  const command = compat
    .command('live')
    .description('tell what is on a store: keys of Sluice and of other limiters, scripts, functions')
    .option('--redis <address>', 'the same as --store')
  addStoreOptions(command, { keys: false })
    .option('--prefix <text>', 'a prefix whose agreement to show, besides those in the sample')
    .addOption(
      new Option('--sample <n>', 'keys to look at on each server').argParser(positiveInteger).default(SAMPLE),
    )
    .option('--json', 'print it as JSON', false)
    .addHelpText('after', EXAMPLES)
    .action(async (options: CompatLiveOptions) => {
      const { redis, sample, prefix, json } = options
      const store = await connectNodes(
        targetOf(requiredStore(redis === undefined ? options : { ...options, store: redis })),
      )
      try {
        for (const { address, error } of store.unreachable)
          output.note(`warning: ${address}: ${error.message}`)
        const report = await surveyStore(store, { sample, prefix })
        if (json) output.writeJson(report)
        else output.write(renderLive(report, output))
      } finally {
        await store.close()
      }
    })
}
