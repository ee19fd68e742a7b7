import { expect, test } from 'vitest'
import { ConnectionLostError, isSluiceError } from '../../../src/errors.js'
import { ServerError } from '../../../src/redis/redis-client.js'
import { translateServerError } from '../../../src/redis/server-errors.js'

test.each([
  ["READONLY You can't write against a read only replica.", 'ERR_SLUICE_READ_ONLY'],
  ['MISCONF Redis is configured to save RDB snapshots', 'ERR_SLUICE_READ_ONLY'],
  ['NOREPLICAS Not enough good replicas to write.', 'ERR_SLUICE_READ_ONLY'],
  ["OOM command not allowed when used memory > 'maxmemory'.", 'ERR_SLUICE_OUT_OF_MEMORY'],
  ['LOADING Redis is loading the dataset in memory', 'ERR_SLUICE_STORE_UNAVAILABLE'],
  ['MASTERDOWN Link with MASTER is down', 'ERR_SLUICE_STORE_UNAVAILABLE'],
  ['NOAUTH Authentication required.', 'ERR_SLUICE_STORE_UNAVAILABLE'],
  ["NOPERM User u has no permissions to run the 'evalsha' command", 'ERR_SLUICE_SCRIPTING'],
  ['BUSY Redis is busy running a script.', 'ERR_SLUICE_STORE_UNAVAILABLE'],
  ['NOSCRIPT No matching script.', 'ERR_SLUICE_SCRIPTING'],
  ['ERR user_script:1: READONLY is only mentioned here', 'ERR_SLUICE_SCRIPTING'],
  ['SLUICE the block speaks version 2', 'ERR_SLUICE_PROTOCOL'],
] as const)('%s', (reply, code) => {
  const cause = new ServerError(reply)
  const error = translateServerError(cause)
  expect(isSluiceError(error, code)).toBe(true)
  expect(error).toMatchObject({ cause, message: expect.stringContaining(reply) })
})

test('what is an error of Sluice already stays as it is', () => {
  const lost = new ConnectionLostError('gone')
  expect(translateServerError(lost)).toBe(lost)
})

test('the kind of a reply is its first word, when that is in capitals', () => {
  expect(new ServerError('NOSCRIPT No matching script.').kind).toBe('NOSCRIPT')
  expect(new ServerError('EXECABORT').kind).toBe('EXECABORT')
  expect(new ServerError('Something went wrong').kind).toBe('ERR')
  expect(new ServerError('').kind).toBe('ERR')
})
