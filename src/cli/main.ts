#!/usr/bin/env node
import { run } from './program.js'

// ioredis warns there, once a connection, where the user may not run INFO. The commands tell what that means to them.
console.warn = () => {}

// A reader that has seen enough, such as `head`, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

process.exitCode = await run(process.argv.slice(2))
