/** Asks Redis natively, once, and closes nothing: only what is under way keeps it alive. */
import { createLimiter } from '../../../src/index.js'

const limiter = createLimiter({
  store: process.argv[2] ?? '',
  native: 'require',
  deadline: '60s',
  policies: { perUser: '100/m' },
})
limiter.check('perUser', 'ada').then(({ allowed, source }) => {
  console.log(allowed && source === 'redis' ? 'allowed' : source)
})
