import { isSluiceError } from '../../errors.js'
import { type Finding, failed, ok, skipped, warning } from './finding.js'
import type { Ask } from './server-checks.js'

const SHA1 = '0'.repeat(40)

/** What Sluice runs, with arguments that a server accepts in a dry run. The scripts' own commands count, too. */
const needed = (key: string, metaKey: string): readonly (readonly string[])[] => [
  ['EVALSHA', SHA1, '1', key],
  ['EVAL', 'return 1', '1', key],
  ['TIME'],
  ['MGET', key],
  ['GET', key],
  ['SET', key, '1', 'PX', '1'],
  ['INCRBY', key, '1'],
  ['SETRANGE', key, '0', 'x'],
  ['GETRANGE', key, '0', '1'],
  ['STRLEN', key],
  ['EXISTS', key],
  ['PTTL', key],
  ['PEXPIRE', key, '1'],
  ['DEL', key],
  ['ZADD', key, '1', 'm'],
  ['ZREM', key, 'm'],
  ['ZSCORE', key, 'm'],
  ['ZCOUNT', key, '0', '1'],
  ['ZRANGEBYSCORE', key, '0', '1'],
  ['ZREVRANGE', key, '0', '1'],
  ['ZRANGE', key, '0', '1'],
  ['TYPE', key],
  ['GET', metaKey],
  ['SET', metaKey, '1', 'NX', 'GET'],
]

/**
 * Asks the server which of these the user may not run, by dry runs. That takes the right to ask, which many users lack;
 * then the trial has to show it.
 */
export async function checkRights(ask: Ask, key: string, metaKey: string): Promise<Finding> {
  try {
    const user = String(await ask('ACL', 'WHOAMI'))
    const refused: string[] = []
    for (const command of needed(key, metaKey)) {
      if ((await ask('ACL', 'DRYRUN', user, ...command)) !== 'OK')
        refused.push(`${command[0]} ${command[1] ?? ''}`.trim())
    }
    const loads = (await ask('ACL', 'DRYRUN', user, 'SCRIPT', 'LOAD', 'return 1')) === 'OK'
    return describe(user, refused, loads)
  } catch (error) {
    if (!isSluiceError(error, 'ERR_SLUICE_PERMISSION')) throw error
    return skipped(
      'rights',
      'the user may not ask for its rights (ACL DRYRUN): the trial shows whether they suffice',
    )
  }
}

function describe(user: string, refused: readonly string[], loads: boolean): Finding {
  if (refused.length > 0) {
    return failed(
      'rights',
      `user '${user}' may not run ${refused.join(', ')}`,
      `ACL SETUSER ${user} +@scripting +@read +@write, on the keys below the prefix, '<prefix>sl1:*'`,
    )
  }
  if (!loads) {
    return warning(
      'rights',
      `user '${user}' may not run SCRIPT LOAD`,
      'the first check on every new connection then carries the whole script: allow SCRIPT',
    )
  }
  return ok('rights', `user '${user}' may run all that Sluice needs`)
}
