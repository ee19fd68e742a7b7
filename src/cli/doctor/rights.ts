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
  ['ZREMRANGEBYSCORE', key, '0', '1'],
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
    const commands = new Set<string>()
    let keysRefused = false
    for (const [name = '', ...args] of needed(key, metaKey)) {
      const reply = String(await ask('ACL', 'DRYRUN', user, name, ...args))
      if (reply === 'OK') continue
      if (isAboutKeys(reply)) keysRefused = true
      else commands.add(name)
    }
    const loads = (await ask('ACL', 'DRYRUN', user, 'SCRIPT', 'LOAD', 'return 1')) === 'OK'
    const pattern = keysRefused ? `${metaKey.slice(0, -'meta'.length)}*` : undefined
    return describe(user, [...commands], pattern, loads)
  } catch (error) {
    if (!isSluiceError(error, 'ERR_SLUICE_PERMISSION')) throw error
    return skipped(
      'rights',
      'the user may not ask for its rights (ACL DRYRUN): the trial shows whether they suffice',
    )
  }
}

/** A dry run tells what is refused in words only: the command, or one of its keys. */
const isAboutKeys = (reply: string): boolean => / key$/.test(reply)

/** @param pattern of the keys that are refused; undefined where none are */
function describe(
  user: string,
  commands: readonly string[],
  pattern: string | undefined,
  loads: boolean,
): Finding {
  const refusals = [
    ...(commands.length > 0 ? [`run ${commands.join(', ')}`] : []),
    ...(pattern === undefined ? [] : [`use the keys '${pattern}'`]),
  ]
  if (refusals.length > 0) {
    const rules = [
      ...commands.map(name => `+${name.toLowerCase()}`),
      ...(pattern === undefined ? [] : [`~${pattern}`]),
    ]
    return failed(
      'rights',
      `user '${user}' may not ${refusals.join(', nor ')}`,
      `ACL SETUSER ${user} ${rules.join(' ')}; docs/stores.md has all that it needs`,
    )
  }
  if (!loads) {
    return warning(
      'rights',
      `user '${user}' may not run SCRIPT LOAD`,
      'the first check on every new connection then carries the whole script: allow +script|load',
    )
  }
  return ok('rights', `user '${user}' may run all that Sluice needs`)
}
