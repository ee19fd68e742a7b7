/**
 * A replica that holds all units of `jobs` for the subject `acme` on the store in its first argument, and renews them until
 * it ends. It says `holding` once it does, and ends when its standard input does.
 */
import { createLimiter } from '../../../src/index.js'
import { JOBS } from './jobs.js'

const limiter = createLimiter({
  store: process.argv[2] as string,
  // Leases of the store, and none of this process.
  onStoreFailure: 'closed',
  deadline: '10s',
  policies: { jobs: JOBS },
})
for (let held = 0; held < JOBS.limit; held++) {
  const lease = await limiter.acquire('jobs', 'acme')
  if (!lease.acquired) throw new Error('somebody else holds a unit')
}
process.stdout.write('holding\n')
process.stdin.on('end', () => process.exit()).resume()
