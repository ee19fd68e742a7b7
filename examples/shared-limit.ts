/**
 * One limit for a service in Node and a service in Rust: 100 calls in an hour, whoever makes them. The other half is
 * `native/crates/redis/examples/shared_limit.rs`; start both at once, or one after the other, and their sums never pass 100.
 *
 *   node --import ./scripts/run-source.ts examples/shared-limit.ts redis://localhost:6379 ada 80
 */
import { createLimiter } from 'sluice'

const [store = 'redis://localhost:6379', subject = 'ada', calls = '80'] = process.argv.slice(2)

const limiter = createLimiter({
  store,
  deadline: '2s',
  policies: { shared: { algorithm: 'fixed_window', limit: 100, window: '1h', onStoreFailure: 'closed' } },
})
await limiter.ready()

let allowed = 0
for (let call = 0; call < Number(calls); call++) {
  const decision = await limiter.check('shared', subject)
  if (decision.allowed) allowed++
}
await limiter.close()
console.log(JSON.stringify({ service: 'node', allowed, refused: Number(calls) - allowed }))
